// Half-steps `first` to `last` of Sinkhorn's algorithm: an even one moves u, an odd one v with the new u. A workgroup takes
// 256 / lanes rows; several half-steps in one dispatch need a grid of one workgroup.
#include "lib/workgroup-sum"

struct Params {
  points: u32, lanes: u32, iterations: u32, first: u32, last: u32,
  epsilon: f32, sharpness: f32, logMarginal: f32, threshold: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> history: array<f32>;
@group(0) @binding(4) var<storage, read_write> count: array<atomic<u32>>;
#include "lib/sinkhorn"

var<workgroup> limit: u32;

// Moves u or v of one row after k iterations.
fn halfStep(k: u32, ofV: bool, row: u32, lane: u32) {
  let lanes = params.lanes;
  var partial = 0.0;
  if (row < params.points) {
    let own = select(past(k, 0u, row), past(k, 1u, row), ofV);
    for (var other = lane % lanes; other < params.points; other += lanes) {
      if (ofV) { partial += transport(pairCost(other, row), past(k + 1u, 0u, other), own); }
      else { partial += transport(pairCost(row, other), own, past(k, 1u, other)); }
    }
  }
  let sum = sumLanes(array(partial), lane, lanes)[0] + FLOOR;
  if (row < params.points && lane % lanes == 0u) {
    let r = select(0u, 1u, ofV);
    let at = (4u * k + r) * params.points + row;
    history[at] = params.epsilon * (params.logMarginal - log(sum)) + past(k, r, row);
    history[at + 2u * params.points] = sum;
  }
}

// Sum of |u - u before| of iteration k.
fn movement(k: u32, lane: u32) -> f32 {
  var sum = 0.0;
  for (var i = lane; i < params.points; i += 256u) { sum += abs(past(k + 1u, 0u, i) - past(k, 0u, i)); }
  return workgroupSum(sum, lane);
}

// A half-step that is not done leaves zeros.
fn skip(k: u32, r: u32, row: u32) {
  if (row < params.points) {
    history[(4u * k + r) * params.points + row] = 0.0;
    history[(4u * k + r + 2u) * params.points + row] = 0.0;
  }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = (workgroup.x * 256u + lane) / params.lanes;
  for (var step = params.first; step < params.last; step++) {
    let k = step / 2u;
    let ofV = step % 2u == 1u;
    // `count` is the number of iterations to do: all, until u has hardly moved.
    if (lane == 0u) { limit = select(atomicLoad(&count[0]), params.iterations, k == 0u); }
    if (k < workgroupUniformLoad(&limit)) {
      halfStep(k, ofV, row, lane);
      if (ofV && workgroup.x == 0u) {
        let moved = movement(k, lane);
        if (lane == 0u) {
          if (moved < params.threshold) { atomicStore(&count[0], k + 1u); }
          else if (k == 0u) { atomicStore(&count[0], params.iterations); }
        }
      }
    } else if (lane % params.lanes == 0u) {
      skip(k, select(0u, 1u, ofV), row);
    }
    storageBarrier();
    workgroupBarrier();
  }
}
