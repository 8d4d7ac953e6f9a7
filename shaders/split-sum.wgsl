// y[i] = sum over splits s of parts[s, i], in order. One thread an element of y.
#include "lib/grid"

struct Params { size: u32, splits: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let i = flat(workgroup, grid) * 256u + lane;
  if (i >= p.size) { return; }
#if ACCUMULATE
  var sum = y[i];
#else
  var sum = 0.0;
#endif
  for (var s = 0u; s < p.splits; s++) { sum += parts[s * p.size + i]; }
  y[i] = sum;
}
