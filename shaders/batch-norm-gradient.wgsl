// dx = weight * rstd * (g - share * (sum of g + xhat * sum of g * xhat)), g the gradient before the activation;
// share = 1 / rows where mean and rstd follow from x (Ioffe, Szegedy 2015), 0 where they are constants. Threads as in batch-norm-apply.
#include "lib/grid"
#include "lib/vector"
#include "lib/activation"

struct Params { rows: u32, columns: u32, share: f32 }
@group(0) @binding(0) var<uniform> params: Params;
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

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let thread = flat(workgroup, grid) * 256u + lane;
  let column = thread % params.columns;
  let row = thread / params.columns * 8u;
  if (row >= params.rows) { return; }
  let mean = batch_mean[column];
  let rstd = batch_rstd[column];
  let w = weight[column];
  let meanG = params.share * totals[column];
  let meanGX = params.share * totals[params.columns + column];
#if RELU || SWISH
  let b = bias[column];
#endif
#unroll j 8
  if (row + $ju < params.rows) {
    let at = (row + $ju) * params.columns + column;
    let normal = (x[at] - mean) * rstd;
#if RELU || SWISH
    let g = dy[at] * slope((x[at] - mean) * (rstd * w) + b); // rounded as the forward pass rounds: no sign differs
#else
    let g = dy[at];
#endif
    dx[at] = w * rstd * (g - meanG - normal * meanGX);
  }
#end
}
