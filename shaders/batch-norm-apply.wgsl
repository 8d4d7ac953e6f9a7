// y = act((x - mean) * rstd * weight + bias + residual). A thread serves its columns in ROWS rows, so that what a channel's elements
// share is read once.
#include "lib/grid"
#include "lib/vector"
#include "lib/activation"

struct Params { rows: u32, columns: u32 }
@group(0) @binding(0) var<uniform> params: Params;
#include "lib/blocks"
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> weight: array<V>;
@group(0) @binding(3) var<storage, read> bias: array<V>;
@group(0) @binding(4) var<storage, read> mean: array<V>;
@group(0) @binding(5) var<storage, read> rstd: array<V>;
@group(0) @binding(6) var<storage, read_write> y: array<V>;
#if RESIDUAL
@group(0) @binding(7) var<storage, read> residual: array<V>;
#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let share = shareOf(flat(workgroup, grid) * 64u + lane);
  let first = share.rows * ROWS;
#unroll k BLOCKS
  let column$k = share.column + $ku * LANES;
  let shift$k = mean[column$k];
  let scale$k = rstd[column$k] * weight[column$k];
  let offset$k = bias[column$k];
#end
  for (var row = first; row < min(first + ROWS, params.rows); row++) {
#unroll k BLOCKS
    if (column$k < params.columns) {
      let at = row * params.columns + column$k;
      let normal = (x[at] - shift$k) * scale$k + offset$k;
#if RESIDUAL
      y[at] = activation(normal + residual[at]);
#else
      y[at] = activation(normal);
#endif
    }
#end
  }
}
