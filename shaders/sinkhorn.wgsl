// Half-steps of Sinkhorn's algorithm: an even one moves u, an odd one v with the new u. Each point of the side that moves is a task of
// `lanes` threads. ALONE: one workgroup runs the half-steps `first` to `last`; else the whole grid runs `first`.
struct Params {
  points: u32, lanes: u32, iterations: u32, first: u32, last: u32,
  epsilon: f32, sharpness: f32, logMarginal: f32, threshold: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> points: array<f32>;
@group(0) @binding(2) var<storage, read_write> history: array<f32>;
@group(0) @binding(3) var<storage, read_write> count: array<atomic<u32>>;
#include "lib/sinkhorn"

fn halfStep(step: u32, task: u32, lane: u32) {
  let k = step / 2u;
  let side = step % 2u;
  // `count` is the number of iterations to do: all, until u has hardly moved. Those after it leave zeros.
  let running = k == 0u || k < atomicLoad(&count[0]);
  let mine = task < params.points;
  var sums: array<f32, VALUES>; // of exp(M), and of |u - u before|, which the first column adds up on its way
  if (running && mine) {
    let point = pointAt(side, task);
    let potential = past(k, side, task);
    for (var other = lane % params.lanes; other < params.points; other += params.lanes) {
      let facing = past(k + side, 1u - side, other);
      sums[0] += transport(side, squaredDistance(point, pointAt(1u - side, other)), potential, facing);
      if (step % 2u == 1u && task == 0u) { sums[1] += abs(facing - past(k, 0u, other)); }
    }
  }
  sums = sumLanes(sums, lane, params.lanes);
  if (!mine || lane % params.lanes != 0u) { return; }
  let at = (4u * k + side) * params.points + task;
  let sum = sums[0] + FLOOR;
  let moved = params.epsilon * (params.logMarginal - log(sum)) + past(k, side, task);
  history[at] = select(0.0, moved, running);
  history[at + 2u * params.points] = select(0.0, sum, running);
  if (running && side == 1u && task == 0u) {
    if (sums[1] < params.threshold) { atomicStore(&count[0], k + 1u); }
    else if (k == 0u) { atomicStore(&count[0], params.iterations); }
  }
}

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let task = (workgroup.x * GROUP + lane) / params.lanes;
#if ALONE
  for (var step = params.first; step < params.last; step++) {
    halfStep(step, task, lane);
    storageBarrier();
    workgroupBarrier();
  }
#else
  halfStep(params.first, task, lane);
#endif
}
