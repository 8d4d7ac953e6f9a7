// Each `kept` elements of x, followed by zeros up to `run`; one thread an element of y.
#include "lib/grid"

struct Params { size: u32, kept: u32, run: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let i = flat(workgroup, grid) * 256u + lane;
  if (i >= p.size) { return; }
  let inside = i % p.run < p.kept;
  y[i] = select(0.0, x[select(0u, i / p.run * p.kept + i % p.run, inside)], inside);
}
