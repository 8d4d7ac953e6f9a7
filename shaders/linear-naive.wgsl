// y[r, g, n] = sum over k of x[r, g, k] * w[g, k, n] + bias[g, n]; one thread an output.
#include "lib/grid"
#include "lib/linear"
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
#if BIAS
@group(0) @binding(3) var<storage, read> bias: array<f32>;
#endif
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let at = flat(workgroup, grid) * 64u + lane;
  if (at >= p.rows * p.groups * p.n) { return; }
  let n = at % p.n;
  let g = at / p.n % p.groups;
  let source = at / (p.n * p.groups) * (p.groups * p.k + p.holeLength) + g * p.k;
  let weights = g * p.k * p.n + n;
  var sum = 0.0;
  for (var k = 0u; k < p.k; k++) {
    sum += x[source + k + select(0u, p.holeLength, k >= p.holeStart)] * w[weights + k * p.n];
  }
#if BIAS
  sum += bias[g * p.n + n];
#endif
  y[at] = sum;
}
