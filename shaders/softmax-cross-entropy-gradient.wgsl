// dlogits = dy / rows * (softmax(x) - lambda * onehot(y) - (1 - lambda) * onehot(y of the partner)); one row a thread.
#include "lib/grid"

struct Params { rows: u32, classes: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
#if MIXED
@group(0) @binding(3) var<storage, read> permutation: array<u32>;
@group(0) @binding(4) var<storage, read> lambda: array<f32>;
#endif
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dlogits: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = flat(workgroup, grid) * 64u + lane;
  if (row >= params.rows) { return; }
  let first = row * params.classes;
  var top = logits[first];
  for (var k = 1u; k < params.classes; k++) { top = max(top, logits[first + k]); }
  var sum = 0.0;
  for (var k = 0u; k < params.classes; k++) { sum += exp(logits[first + k] - top); }
  let scale = dy[0] / f32(params.rows);
  for (var k = 0u; k < params.classes; k++) {
#if MIXED
    let goal = select(0.0, lambda[0], k == labels[row]) + select(0.0, 1.0 - lambda[0], k == labels[permutation[row]]);
#else
    let goal = select(0.0, 1.0, k == labels[row]);
#endif
    let gradient = scale * (exp(logits[first + k] - top) / sum - goal);
#if ACCUMULATE
    dlogits[first + k] += gradient;
#else
    dlogits[first + k] = gradient;
#endif
  }
}
