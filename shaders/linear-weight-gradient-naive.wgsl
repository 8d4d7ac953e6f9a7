// dw[g, k, n] = sum over rows of x[r, g, k] * dy[r, g, n]; one thread a weight.
#include "lib/grid"
#include "lib/linear"
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let at = flat(workgroup, grid) * 64u + lane;
  if (at >= p.groups * p.k * p.n) { return; }
  let n = at % p.n;
  let row = at / p.n; // of all groups' weights
  let g = row / p.k;
  let column = row + select(0u, p.holeLength, row >= p.holeStart);
  var sum = 0.0;
  for (var r = 0u; r < p.rows; r++) {
    sum += x[r * (p.groups * p.k + p.holeLength) + column] * dy[(r * p.groups + g) * p.n + n];
  }
#if ACCUMULATE
  dw[at] += sum;
#else
  dw[at] = sum;
#endif
}
