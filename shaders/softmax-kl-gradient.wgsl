// Gradient of D(a, b) with respect to a: dy / (N T) * (p_a - p_b); with respect to b: dy / (N T) * p_b * (r - sum p_b r), where
// r = log p_b - log p_a and N counts all elements. One row a thread.
#include "lib/grid"

struct Params { rows: u32, classes: u32, temperature: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat(workgroup, grid) * 64u + lane;
  if (row >= params.rows) { return; }
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
  let scale = dy[0] / (f32(params.rows * params.classes) * params.temperature);
#if !OF_A
  var mean = 0.0;
  for (var k = 0u; k < params.classes; k++) {
    let logA = (a[first + k] - topA) / params.temperature - log(sumA);
    let logB = (b[first + k] - topB) / params.temperature - log(sumB);
    mean += exp(logB) * (logB - logA);
  }
#endif
  for (var k = 0u; k < params.classes; k++) {
    let logA = (a[first + k] - topA) / params.temperature - log(sumA);
    let logB = (b[first + k] - topB) / params.temperature - log(sumB);
#if OF_A
    let gradient = scale * (exp(logA) - exp(logB));
#else
    let gradient = scale * exp(logB) * (logB - logA - mean);
#endif
#if ACCUMULATE
    dx[first + k] += gradient;
#else
    dx[first + k] = gradient;
#endif
  }
}
