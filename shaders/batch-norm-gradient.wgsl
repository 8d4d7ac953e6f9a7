// dx = weight * rstd * (g - share * (sum of g + xhat * sum of g * xhat)), g the gradient before the activation;
// share = 1 / rows where mean and rstd follow from x (Ioffe, Szegedy 2015), 0 where they are constants. Threads as in batch-norm-apply.
#include "lib/grid"
#include "lib/vector"
#include "lib/activation"

struct Params { rows: u32, columns: u32, share: f32 }
@group(0) @binding(0) var<uniform> params: Params;
#include "lib/blocks"
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read> batch_mean: array<V>;
@group(0) @binding(4) var<storage, read> batch_rstd: array<V>;
@group(0) @binding(5) var<storage, read> weight: array<V>;
@group(0) @binding(6) var<storage, read> totals: array<V>;
@group(0) @binding(7) var<storage, read_write> dx: array<V>;
#if RELU || SWISH
@group(0) @binding(8) var<storage, read> bias: array<V>;
#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let share = shareOf(flat(workgroup, grid) * 64u + lane);
  let first = share.rows * ROWS;
#unroll k BLOCKS
  let column$k = share.column + $ku * LANES;
  let mean$k = batch_mean[column$k];
  let rstd$k = batch_rstd[column$k];
  let w$k = weight[column$k];
  let meanG$k = params.share * totals[column$k];
  let meanGX$k = params.share * totals[params.columns + column$k];
#if RELU || SWISH
  let b$k = bias[column$k];
#endif
#end
  for (var row = first; row < min(first + ROWS, params.rows); row++) {
#unroll k BLOCKS
    if (column$k < params.columns) {
      let at = row * params.columns + column$k;
      let centred = x[at] - mean$k;
#if RELU || SWISH
      let g = dy[at] * slope(centred * (rstd$k * w$k) + b$k); // rounded as the forward pass rounds: no sign differs
#else
      let g = dy[at];
#endif
      dx[at] = w$k * rstd$k * (g - meanG$k - centred * rstd$k * meanGX$k);
    }
#end
  }
}
