// loss = mean over rows of lse(x) - lambda * x[y] - (1 - lambda) * x[y of the partner]; one workgroup, rows strided over its threads.
#include "lib/workgroup-sum"

struct Params { rows: u32, classes: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
#if MIXED
@group(0) @binding(3) var<storage, read> permutation: array<u32>;
@group(0) @binding(4) var<storage, read> lambda: array<f32>;
#endif
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;

// log(sum exp(x)) - x[label]; the largest logit is taken out first, so that nothing overflows.
fn surprise(row: u32, label: u32) -> f32 {
  let first = row * params.classes;
  var top = logits[first];
  for (var k = 1u; k < params.classes; k++) { top = max(top, logits[first + k]); }
  var sum = 0.0;
  for (var k = 0u; k < params.classes; k++) { sum += exp(logits[first + k] - top); }
  return log(sum) + (top - logits[first + label]);
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var row = lane; row < params.rows; row += 256u) {
#if MIXED
    sum += lambda[0] * surprise(row, labels[row]) + (1.0 - lambda[0]) * surprise(row, labels[permutation[row]]);
#else
    sum += surprise(row, labels[row]);
#endif
  }
  let total = workgroupSum(sum, lane);
  if (lane == 0u) { loss[0] = total / f32(params.rows); }
}
