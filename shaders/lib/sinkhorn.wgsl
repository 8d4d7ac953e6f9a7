// Shared by the passes of Sinkhorn's algorithm: x and y [points, DIMENSIONS]; history [iterations, 4, points] with u, v, and the sums
// whose logarithms moved u and v.

// Inside the logarithm; there is no shift by the maximum, so it matters.
const FLOOR = 1e-6;

fn pairCost(i: u32, j: u32) -> f32 {
  var sum = 0.0;
#unroll d DIMENSIONS
  { let difference = x[i * DIMENSIONS + $du] - y[j * DIMENSIONS + $du]; sum += difference * difference; }
#end
  return sum;
}

// Element i of row r of the history `done` iterations in; zero before the first.
fn past(done: u32, r: u32, i: u32) -> f32 {
  if (done == 0u) { return 0.0; }
  return history[(4u * (done - 1u) + r) * params.points + i];
}

// exp(M_ij). The order of the sum is the reference's: -C and u nearly cancel, and every bit lost there counts 1 / epsilon times.
fn transport(cost: f32, u: f32, v: f32) -> f32 { return exp(((u - cost) + v) * params.sharpness); }

// Sums of VALUES values over `lanes` neighbouring threads (a power of two); valid on the first of them.
var<workgroup> laneSums: array<array<f32, VALUES>, 256>;
fn sumLanes(values: array<f32, VALUES>, lane: u32, lanes: u32) -> array<f32, VALUES> {
  laneSums[lane] = values;
  workgroupBarrier();
  for (var width = lanes / 2u; width > 0u; width >>= 1u) {
    if (lane % lanes < width) {
#unroll n VALUES
      laneSums[lane][$nu] += laneSums[lane + width][$nu];
#end
    }
    workgroupBarrier();
  }
  let sums = laneSums[lane];
  workgroupBarrier();
  return sums;
}
