// y = act((x - mean) * rstd * weight + bias + residual). A thread serves one column of V in eight rows, so that what a channel's
// elements share is read once; neighbours serve neighbouring columns.
#include "lib/grid"
#include "lib/vector"
#include "lib/activation"

struct Params { rows: u32, columns: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> weight: array<V>;
@group(0) @binding(3) var<storage, read> bias: array<V>;
@group(0) @binding(4) var<storage, read> mean: array<V>;
@group(0) @binding(5) var<storage, read> rstd: array<V>;
@group(0) @binding(6) var<storage, read_write> y: array<V>;
#if RESIDUAL
@group(0) @binding(7) var<storage, read> residual: array<V>;
#endif

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let thread = flat(workgroup, grid) * 256u + lane;
  let column = thread % params.columns;
  let row = thread / params.columns * 8u;
  if (row >= params.rows) { return; }
  let shift = mean[column];
  let scale = rstd[column] * weight[column];
  let offset = bias[column];
#unroll j 8
  if (row + $ju < params.rows) {
    let at = (row + $ju) * params.columns + column;
    let normal = (x[at] - shift) * scale + offset;
#if RESIDUAL
    y[at] = activation(normal + residual[at]);
#else
    y[at] = activation(normal);
#endif
  }
#end
}
