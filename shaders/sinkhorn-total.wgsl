// cost = sum of the rows' costs.
#include "lib/workgroup-sum"

struct Params { size: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rowCosts: array<f32>;
@group(0) @binding(2) var<storage, read_write> cost: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.size; i += 256u) { sum += rowCosts[i]; }
  let total = workgroupSum(sum, lane);
  if (lane == 0u) { cost[0] = total; }
}
