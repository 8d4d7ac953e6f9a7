// y = softmax(x / T) or its logarithm along the last dimension; one row a thread.
#include "lib/grid"

struct Params { rows: u32, classes: u32, temperature: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat(workgroup, grid) * 64u + lane;
  if (row >= params.rows) { return; }
  let first = row * params.classes;
  var top = x[first];
  for (var k = 1u; k < params.classes; k++) { top = max(top, x[first + k]); }
  var sum = 0.0;
  for (var k = 0u; k < params.classes; k++) { sum += exp((x[first + k] - top) / params.temperature); }
  for (var k = 0u; k < params.classes; k++) {
    let shifted = (x[first + k] - top) / params.temperature;
#if LOG
    y[first + k] = shifted - log(sum);
#else
    y[first + k] = exp(shifted) / sum;
#endif
  }
}
