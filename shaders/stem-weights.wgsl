// Weights [groups, taps, ci, co] as those of one convolution over an image that all groups share, its channels filled up with zeros:
// y [taps, quad, groups * co]. One thread an element of y.
#include "lib/grid"

struct Params { size: u32, groups: u32, taps: u32, ci: u32, co: u32, quad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let i = flat(workgroup, grid) * 256u + lane;
  if (i >= p.size) { return; }
  let g = i / p.co % p.groups;
  let k = i / (p.co * p.groups);
  let c = k % p.quad;
  let source = ((g * p.taps + k / p.quad) * p.ci + min(c, p.ci - 1u)) * p.co + i % p.co;
  y[i] = select(0.0, w[source], c < p.ci);
}
