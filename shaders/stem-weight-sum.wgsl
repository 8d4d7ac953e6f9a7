// The way back from stem-weights: dw [groups, taps, ci, co] = sum over splits s of parts [s, taps, quad, groups * co], in order. One
// thread an element of dw.
#include "lib/grid"

struct Params { size: u32, groups: u32, taps: u32, ci: u32, co: u32, quad: u32, splits: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let i = flat(workgroup, grid) * 256u + lane;
  if (i >= p.size) { return; }
  let c = i / p.co % p.ci;
  let tap = i / (p.co * p.ci) % p.taps;
  let g = i / (p.co * p.ci * p.taps);
  let first = ((tap * p.quad + c) * p.groups + g) * p.co + i % p.co;
  let apart = p.taps * p.quad * p.groups * p.co;
#if ACCUMULATE
  var sum = dw[i];
#else
  var sum = 0.0;
#endif
  for (var s = 0u; s < p.splits; s++) { sum += parts[s * apart + first]; }
  dw[i] = sum;
}
