// Gradients of a batch norm in one pass, for CPU adapters: a thread walks down its column of V for the sums of g and g * xhat, g the
// gradient before the activation and xhat = (x - mean) * rstd, then again for dx. A workgroup is LANES threads side by side.
#include "lib/grid"
#include "lib/vector"
#include "lib/activation"

struct Params { rows: u32, columns: u32, block: u32, share: f32, add_weight: u32, add_bias: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read> batch_mean: array<V>;
@group(0) @binding(4) var<storage, read> batch_rstd: array<V>;
@group(0) @binding(5) var<storage, read> weight: array<V>;
@group(0) @binding(6) var<storage, read_write> dx: array<V>;
@group(0) @binding(7) var<storage, read_write> dweight: array<V>;
@group(0) @binding(8) var<storage, read_write> dbias: array<V>;
#if RESIDUAL
// The activation came after a residual: its sign is read from y, and g is also the gradient of the residual.
@group(0) @binding(9) var<storage, read> y: array<V>;
@group(0) @binding(10) var<storage, read_write> dresidual: array<V>;
#elif RELU || SWISH
@group(0) @binding(9) var<storage, read> bias: array<V>;
#endif

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = flat(workgroup, grid) * LANES + lane;
  if (column >= params.columns) { return; }
  let mean = batch_mean[column];
  let rstd = batch_rstd[column];
  let scale = weight[column] * rstd;
#if RELU || SWISH
  let offset = bias[column];
#endif
  var sum = V(0.0);
  var product = V(0.0);
  for (var start = 0u; start < params.rows; start += params.block) { // each block by itself: a long chain of sums would lose digits
    var sumPart = V(0.0);
    var productPart = V(0.0);
    for (var row = start; row < min(start + params.block, params.rows); row++) {
      let at = row * params.columns + column;
      let centred = x[at] - mean;
#if RESIDUAL
      let g = select(V(0.0), dy[at], y[at] > V(0.0));
      dresidual[at] = g;
#elif RELU || SWISH
      let g = dy[at] * slope(centred * scale + offset); // rounded as the forward pass rounds: no sign differs
#else
      let g = dy[at];
#endif
      sumPart += g;
      productPart += g * (centred * rstd);
    }
    sum += sumPart;
    product += productPart;
  }
  if (params.add_bias != 0u) { dbias[column] += sum; } else { dbias[column] = sum; }
  if (params.add_weight != 0u) { dweight[column] += product; } else { dweight[column] = product; }
  let meanG = params.share * sum;
  let meanGX = params.share * product;
  for (var row = 0u; row < params.rows; row++) {
    let at = row * params.columns + column;
    let centred = x[at] - mean;
#if RESIDUAL
    let g = dresidual[at];
#elif RELU || SWISH
    let g = dy[at] * slope(centred * scale + offset);
#else
    let g = dy[at];
#endif
    dx[at] = scale * (g - meanG - centred * rstd * meanGX);
  }
}
