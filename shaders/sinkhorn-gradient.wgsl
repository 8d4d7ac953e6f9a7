// The gradient of the transport cost, back through the unrolled iterations. With e = exp(M) at the u and v that each step saw, R and S
// the sums that moved u and v, and 1e-6 inside their logarithms:
//   the cost:               g = dcost e (1 - C / eps)    du_i  = sum_j dcost e C / eps    dv_j  = sum_i dcost e C / eps
//   v of an iteration:      g = e dv_j / S_j             du_i -= sum_j g                  dv_j <- 1e-6 dv_j / S_j
//   u of an iteration:      g = e du_i / R_i             dv_j -= sum_i g                  du_i <- 1e-6 du_i / R_i
// and always dx_i += sum_j 2 g (x_i - y_j), dy_j += sum_i 2 g (y_j - x_i). `weights` holds du / R, then dv / S, each written in the
// step before the one that reads it; what du and dv keep is 1e-6 times that. Each point of both sides is a task of `lanes` threads.
// ALONE: one workgroup runs the steps `first` to `last`; else the grid runs `first`, from task group `offset` on.
struct Params { points: u32, lanes: u32, sharpness: f32, first: u32, last: u32, offset: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> points: array<f32>;
@group(0) @binding(2) var<storage, read> history: array<f32>;
@group(0) @binding(3) var<storage, read> count: array<u32>;
@group(0) @binding(4) var<storage, read> dcost: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read_write> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> weights: array<f32>;
#include "lib/sinkhorn"

// Step 0 is the cost's; then v and u of the last iteration, v and u of the one before it, ...
fn back(step: u32, task: u32, lane: u32) {
  let size = params.points;
  let isCost = step == 0u;
  let moving = step % 2u; // the side whose potentials that half-step had moved
  let running = step <= 2u * count[0];
  let done = count[0] - min(count[0], (step + 1u) / 2u); // iterations before the one gone through
  let side = select(0u, 1u, task >= size);
  let own = task - side * size;
  let receives = isCost || side != moving; // or else its weight is what the others receive
  let point = pointAt(side, own);
  let potential = past(done + moving * (1u - side), side, own); // where v had moved, u was new
  var sums: array<f32, VALUES>; // what du or dv moves by, then the slope along each dimension
  if (running && task < 2u * size) {
    for (var other = lane % params.lanes; other < size; other += params.lanes) {
      let facing = pointAt(1u - side, other);
      let cost = squaredDistance(point, facing);
      var g = transport(side, cost, potential, past(done + moving * side, 1u - side, other));
      if (isCost) {
        g *= dcost[0];
        sums[0] += g * (cost * params.sharpness);
        g -= g * (cost * params.sharpness);
      } else {
        g *= weights[moving * size + select(own, other, receives)];
        sums[0] += g;
      }
#unroll d DIMENSIONS
      sums[$d + 1] += 2.0 * g * (point[$d] - facing[$d]);
#end
    }
  }
  sums = sumLanes(sums, lane, params.lanes);
  if (!running || task >= 2u * size || lane % params.lanes != 0u) { return; }
  if (receives && done + 1u > side) {
    let kept = select(FLOOR * weights[task] - sums[0], sums[0], isCost);
    // Nothing has divided du by an R yet after the cost: 1e-6 times its weight must give it back.
    let divisor = select(past(done + 1u - side, 2u + side, own), FLOOR, isCost && side == 0u);
    weights[task] = kept / divisor;
  }
#unroll d DIMENSIONS
  { let at = own * DIMENSIONS + $du;
    if (side == 1u) { dy[at] = select(dy[at], 0.0, isCost) + sums[$d + 1]; }
    else { dx[at] = select(dx[at], 0.0, isCost) + sums[$d + 1]; } }
#end
}

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let task = ((workgroup.x + params.offset) * GROUP + lane) / params.lanes;
#if ALONE
  for (var step = params.first; step < params.last; step++) {
    back(step, task, lane);
    storageBarrier();
    workgroupBarrier();
  }
#else
  back(params.first, task, lane);
#endif
}
