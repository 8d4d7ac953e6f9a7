// D(a, b) = mean over all elements of p_b * (log p_b - log p_a), p = softmax(x / T); one workgroup, rows strided over its threads.
#include "lib/workgroup-sum"

struct Params { rows: u32, classes: u32, temperature: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var row = lane; row < params.rows; row += 256u) {
    let first = row * params.classes;
    var topA = a[first];
    var topB = b[first];
    for (var k = 1u; k < params.classes; k++) {
      topA = max(topA, a[first + k]);
      topB = max(topB, b[first + k]);
    }
    var sumA = 0.0;
    var sumB = 0.0;
    for (var k = 0u; k < params.classes; k++) {
      sumA += exp((a[first + k] - topA) / params.temperature);
      sumB += exp((b[first + k] - topB) / params.temperature);
    }
    for (var k = 0u; k < params.classes; k++) {
      let logA = (a[first + k] - topA) / params.temperature - log(sumA);
      let logB = (b[first + k] - topB) / params.temperature - log(sumB);
      sum += exp(logB) * (logB - logA);
    }
  }
  let total = workgroupSum(sum, lane);
  if (lane == 0u) { loss[0] = total / f32(params.rows * params.classes); }
}
