// Shared by the passes of Sinkhorn's algorithm. Side 0 is x with the potentials u, side 1 is y with v: points [2, params.points,
// DIMENSIONS]; history [iterations, 4, params.points] holds u, v, and the sums whose logarithms moved u and v.

// Inside the logarithm; there is no shift by the maximum, so it matters.
const FLOOR = 1e-6;

// Element i of row r of the history `done` iterations in; zero before the first.
fn past(done: u32, r: u32, i: u32) -> f32 {
  return select(0.0, history[(4u * (max(done, 1u) - 1u) + r) * params.points + i], done > 0u);
}

fn pointAt(side: u32, i: u32) -> array<f32, DIMENSIONS> {
  let first = (side * params.points + i) * DIMENSIONS;
  var point: array<f32, DIMENSIONS>;
#unroll d DIMENSIONS
  point[$d] = points[first + $du];
#end
  return point;
}

fn squaredDistance(a: array<f32, DIMENSIONS>, b: array<f32, DIMENSIONS>) -> f32 {
  var sum = 0.0;
#unroll d DIMENSIONS
  sum += (a[$d] - b[$d]) * (a[$d] - b[$d]);
#end
  return sum;
}

// exp(M_ij) from a potential of this side and the other's that faces it. -C + u + v nearly cancels, and every bit lost there counts
// 1 / epsilon times: always in this order, so that both sides, forward and backward, see the same value.
fn transport(side: u32, cost: f32, potential: f32, facing: f32) -> f32 {
  let u = select(potential, facing, side == 1u);
  let v = select(facing, potential, side == 1u);
  return exp(((u - cost) + v) * params.sharpness);
}

// Sums of VALUES values over `lanes` neighbouring threads (a power of two); valid on the first of them. Software adapters give each
// task a thread of its own: there a barrier costs more than the sum. SUBGROUP: `lanes` are at most the lanes of a subgroup, which needs
// no barriers at all.
#if SUBGROUP
enable subgroups;
fn sumLanes(values: array<f32, VALUES>, lane: u32, lanes: u32) -> array<f32, VALUES> {
  var sums = values;
  for (var width = lanes / 2u; width > 0u; width >>= 1u) {
#unroll n VALUES
    sums[$n] += subgroupShuffleXor(sums[$n], width);
#end
  }
  return sums;
}
#elif SPLIT
var<workgroup> laneSums: array<array<f32, VALUES>, GROUP>;
fn sumLanes(values: array<f32, VALUES>, lane: u32, lanes: u32) -> array<f32, VALUES> {
  laneSums[lane] = values;
  workgroupBarrier();
  for (var width = lanes / 2u; width > 0u; width >>= 1u) {
    if (lane % lanes < width) {
#unroll n VALUES
      laneSums[lane][$n] += laneSums[lane + width][$n];
#end
    }
    workgroupBarrier();
  }
  let sums = laneSums[lane];
  workgroupBarrier();
  return sums;
}
#else
fn sumLanes(values: array<f32, VALUES>, lane: u32, lanes: u32) -> array<f32, VALUES> { return values; }
#endif
