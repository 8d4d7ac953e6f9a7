// Gradients of a batch norm in one pass, for CPU adapters: a thread walks down its column of V for the sums of g and g * xhat, g the
// gradient before the activation and xhat = (x - mean) * rstd, then again for dx. A tile is LANES threads side by side.
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
@group(0) @binding(9) var<storage, read> y: array<V>;
@group(0) @binding(10) var<storage, read_write> dresidual: array<V>;
#elif RELU || SWISH
@group(0) @binding(9) var<storage, read> bias: array<V>;
#endif

#include "lib/batch-norm-terms"
#include "lib/column-walk"

fn tiles() -> u32 { return (params.columns + LANES - 1u) / LANES; }

fn tile(index: u32, lane: u32) {
  let column = index * LANES + lane;
  if (column >= params.columns) { return; }
  let mean = batch_mean[column];
  let rstd = batch_rstd[column];
  let scale = weight[column] * rstd;
#if RESIDUAL
  let sums = sumColumn(column, Channel(mean, rstd));
#elif RELU || SWISH
  let offset = bias[column];
  let sums = sumColumn(column, Channel(mean, rstd, weight[column], offset));
#else
  let sums = sumColumn(column, Channel(mean, rstd));
#endif
  if (params.add_bias != 0u) { dbias[column] += sums.a; } else { dbias[column] = sums.a; }
  if (params.add_weight != 0u) { dweight[column] += sums.b; } else { dweight[column] = sums.b; }
  let meanG = params.share * sums.a;
  let meanGX = params.share * sums.b;
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

#include "lib/work-queue"
