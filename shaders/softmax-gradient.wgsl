// From the result y: dx = y * (dy - sum dy y) / T for the softmax, (dy - exp(y) * sum dy) / T for its logarithm; one row a thread.
#include "lib/grid"

struct Params { rows: u32, classes: u32, temperature: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat(workgroup, grid) * 64u + lane;
  if (row >= params.rows) { return; }
  let first = row * params.classes;
  var sum = 0.0;
  for (var k = 0u; k < params.classes; k++) {
#if LOG
    sum += dy[first + k];
#else
    sum += dy[first + k] * y[first + k];
#endif
  }
  for (var k = 0u; k < params.classes; k++) {
    let i = first + k;
#if LOG
    dx[i] = (dy[i] - exp(y[i]) * sum) / params.temperature;
#else
    dx[i] = y[i] * (dy[i] - sum) / params.temperature;
#endif
  }
}
