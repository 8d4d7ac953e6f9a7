// rowCosts_i = sum_j exp(M_ij) C_ij with the last u and v.
struct Params { points: u32, lanes: u32, sharpness: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> history: array<f32>;
@group(0) @binding(4) var<storage, read> count: array<u32>;
@group(0) @binding(5) var<storage, read_write> rowCosts: array<f32>;
#include "lib/sinkhorn"

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = (workgroup.x * 256u + lane) / params.lanes;
  let done = count[0];
  var partial = 0.0;
  if (row < params.points) {
    let u = past(done, 0u, row);
    for (var j = lane % params.lanes; j < params.points; j += params.lanes) {
      let cost = pairCost(row, j);
      partial += transport(cost, u, past(done, 1u, j)) * cost;
    }
  }
  let sum = sumLanes(array(partial), lane, params.lanes)[0];
  if (row < params.points && lane % params.lanes == 0u) { rowCosts[row] = sum; }
}
