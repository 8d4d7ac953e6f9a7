// The gradient of the transport cost, back through the unrolled iterations. With e = exp(M) at the u and v that each step saw:
//   step 0, the cost:        g = dcost e (1 - C / eps)    du_i = sum_j dcost e C / eps     dv_j = sum_i dcost e C / eps
//   v of an iteration:       g = dv_j e / (its sum)_j     du_i -= sum_j g                  dv_j keeps 1e-6 / (its sum)_j
//   u of an iteration:       g = du_i e / (its sum)_i     dv_j -= sum_i g                  du_i keeps 1e-6 / (its sum)_i
// and always dx_i += sum_j 2 g (x_i - y_j), dy_j -= sum_i 2 g (x_i - y_j). What du or dv keeps is applied in the step after, so that
// nobody writes what others read. A task is a row (point of x) or a column (point of y), shared by `lanes` threads.
struct Params { points: u32, lanes: u32, sharpness: f32, first: u32, last: u32, offset: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> history: array<f32>;
@group(0) @binding(4) var<storage, read> count: array<u32>;
@group(0) @binding(5) var<storage, read> dcost: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
@group(0) @binding(7) var<storage, read_write> dy: array<f32>;
@group(0) @binding(8) var<storage, read_write> adjoints: array<f32>; // du, then dv
#include "lib/sinkhorn"

const COST = 0u;
const OF_V = 1u;
const OF_U = 2u;

// Runs step `kind` of the iteration that made u and v from those `done` iterations in (for the cost: at those).
fn back(kind: u32, done: u32, task: u32, lane: u32) {
  let points = params.points;
  let column = task >= points;
  let own = select(task, task - points, column);
  let mine = task < 2u * points;
  let after = done + select(0u, 1u, kind == OF_V);
  var sums: array<f32, VALUES>; // what du or dv moves by, then the slope along each dimension
  if (mine) {
    for (var other = lane % params.lanes; other < points; other += params.lanes) {
      let i = select(own, other, column);
      let j = select(other, own, column);
      let cost = pairCost(i, j);
      var g = transport(cost, past(after, 0u, i), past(done, 1u, j));
      if (kind == COST) {
        g *= dcost[0];
        sums[0] += g * (cost * params.sharpness);
        g -= g * (cost * params.sharpness);
      } else {
        if (kind == OF_V) { g *= adjoints[points + j] / past(done + 1u, 3u, j); }
        else { g *= adjoints[i] / past(done + 1u, 2u, i); }
        sums[0] += g;
      }
#unroll d DIMENSIONS
      sums[$du + 1u] += 2.0 * g * (x[i * DIMENSIONS + $du] - y[j * DIMENSIONS + $du]);
#end
    }
  }
  sums = sumLanes(sums, lane, params.lanes);
  if (!mine || lane % params.lanes != 0u) { return; }
  if (kind == COST) { adjoints[task] = sums[0]; }
  if (kind == OF_V && !column) {
    // Nothing has happened to du since the cost, or else the u after this one's has been gone through.
    let keeps = select(1.0, FLOOR / past(done + 2u, 2u, own), done + 1u < count[0]);
    adjoints[task] = adjoints[task] * keeps - sums[0];
  }
  if (kind == OF_U && column) { adjoints[task] = adjoints[task] * (FLOOR / past(done + 1u, 3u, own)) - sums[0]; }
#unroll d DIMENSIONS
  { let at = own * DIMENSIONS + $du;
    if (column) { dy[at] = select(dy[at], 0.0, kind == COST) - sums[$du + 1u]; }
    else { dx[at] = select(dx[at], 0.0, kind == COST) + sums[$du + 1u]; } }
#end
}

var<workgroup> iterationsDone: u32;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let task = ((workgroup.x + params.offset) * 256u + lane) / params.lanes;
  if (lane == 0u) { iterationsDone = count[0]; }
  let iterations = workgroupUniformLoad(&iterationsDone);
  for (var step = params.first; step < min(params.last, 2u * iterations + 1u); step++) {
    let kind = select(select(OF_U, OF_V, step % 2u == 1u), COST, step == 0u);
    back(kind, iterations - (step + 1u) / 2u, task, lane);
    storageBarrier();
    workgroupBarrier();
  }
}
