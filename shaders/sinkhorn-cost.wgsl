// rowCosts_i = sum_j exp(M_ij) C_ij with the last u and v.
struct Params { points: u32, lanes: u32, sharpness: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> points: array<f32>;
@group(0) @binding(2) var<storage, read> history: array<f32>;
@group(0) @binding(3) var<storage, read> count: array<u32>;
@group(0) @binding(4) var<storage, read_write> rowCosts: array<f32>;
#include "lib/sinkhorn"

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = (workgroup.x * GROUP + lane) / params.lanes;
  let done = count[0];
  var sums: array<f32, VALUES>;
  if (row < params.points) {
    let point = pointAt(0u, row);
    let u = past(done, 0u, row);
    for (var j = lane % params.lanes; j < params.points; j += params.lanes) {
      let cost = squaredDistance(point, pointAt(1u, j));
      sums[0] += transport(0u, cost, u, past(done, 1u, j)) * cost;
    }
  }
  sums = sumLanes(sums, lane, params.lanes);
  if (row < params.points && lane % params.lanes == 0u) { rowCosts[row] = sums[0]; }
}
