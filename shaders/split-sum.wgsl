// y[i] = sum over splits s of parts[s, i], in order.
#include "lib/grid"

struct Params { quads: u32, splits: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat(workgroup, grid) * 256u + lane;
  if (i >= params.quads) { return; }
#if ACCUMULATE
  var sum = y[i];
#else
  var sum = vec4f();
#endif
  for (var s = 0u; s < params.splits; s++) { sum += parts[s * params.quads + i]; }
  y[i] = sum;
}
