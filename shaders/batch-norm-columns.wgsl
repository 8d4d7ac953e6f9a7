// Batch norm by the moments of the batch in one pass, for CPU adapters: a thread walks down its column of V for the moments, and again
// for y. A workgroup is LANES threads side by side.
#include "lib/grid"
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

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = flat(workgroup, grid) * LANES + lane;
  if (column >= params.columns) { return; }
  let n = f32(params.rows);
  var shift = V(0.0); // the mean of four rows: neither a large mean nor an outlier makes the sums larger than the deviation calls for
#unroll k 4
  shift += 0.25 * x[$ku * params.rows / 4u * params.columns + column];
#end
  var sum = V(0.0);
  var squares = V(0.0);
  for (var start = 0u; start < params.rows; start += params.block) { // each block by itself: a long chain of sums would lose digits
    var sumPart = V(0.0);
    var squaresPart = V(0.0);
    for (var row = start; row < min(start + params.block, params.rows); row++) {
      let d = x[row * params.columns + column] - shift;
      sumPart += d;
      squaresPart += d * d;
    }
    sum += sumPart;
    squares += squaresPart;
  }
  let centre = shift + sum / n;
  let around = max(squares - sum * (sum / n), V(0.0));
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
