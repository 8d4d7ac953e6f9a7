// Batch norm by the moments of the batch in one pass, for CPU adapters: a thread walks down its column of V for the moments, and again
// for y. A tile is LANES threads side by side.
#include "lib/vector"
#include "lib/activation"

struct Params { rows: u32, columns: u32, block: u32, epsilon: f32, momentum: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> weight: array<V>;
@group(0) @binding(3) var<storage, read> bias: array<V>;
@group(0) @binding(4) var<storage, read_write> y: array<V>;
@group(0) @binding(5) var<storage, read_write> batch_mean: array<V>;
@group(0) @binding(6) var<storage, read_write> batch_rstd: array<V>;
#if RECORD
@group(0) @binding(7) var<storage, read_write> mean: array<V>;
@group(0) @binding(8) var<storage, read_write> variance: array<V>;
#endif
#if RESIDUAL
@group(0) @binding(9) var<storage, read> residual: array<V>;
#endif

struct Channel { shift: V }
fn terms(at: u32, c: Channel) -> Pair {
  let d = x[at] - c.shift;
  return Pair(d, d * d);
}
#include "lib/column-walk"

fn tiles() -> u32 { return (params.columns + LANES - 1u) / LANES; }

fn tile(index: u32, lane: u32) {
  let column = index * LANES + lane;
  if (column >= params.columns) { return; }
  let n = f32(params.rows);
  // The sums are about a sample's mean, so that their rounding is that of what deviates.
  let samples = min(2u * params.block, params.rows);
  var shift = V(0.0);
  for (var k = 0u; k < samples; k++) { shift += x[k * params.rows / samples * params.columns + column]; }
  shift = shift / f32(samples);
  let sums = sumColumn(column, Channel(shift));
  let centre = shift + sums.a / n;
  let around = max(sums.b - sums.a * (sums.a / n), V(0.0));
  let rstd = 1.0 / sqrt(around / n + params.epsilon);
  let scale = rstd * weight[column];
  let offset = bias[column];
  batch_mean[column] = centre;
  batch_rstd[column] = rstd;
#if RECORD
  mean[column] += params.momentum * (centre - mean[column]);
  variance[column] += params.momentum * (around / (n - 1.0) - variance[column]);
#endif
  for (var row = 0u; row < params.rows; row++) {
    let at = row * params.columns + column;
    let normal = (x[at] - centre) * scale + offset;
#if RESIDUAL
    y[at] = activation(normal + residual[at]);
#else
    y[at] = activation(normal);
#endif
  }
}

#include "lib/work-queue"
