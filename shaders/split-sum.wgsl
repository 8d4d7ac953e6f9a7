// y[i] = sum over splits s of source[s, i], in order. One thread a V of y.
#include "lib/grid"
#include "lib/vector"

struct Params { size: u32, splits: u32 }
@group(0) @binding(0) var<uniform> params: Params;
#include "lib/source"
@group(0) @binding(2) var<storage, read_write> y: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let i = flat(workgroup, grid) * 64u + lane;
  if (i >= p.size) { return; }
#if ACCUMULATE
  var sum = y[i];
#else
  var sum = V(0.0);
#endif
  for (var s = 0u; s < p.splits; s++) { sum += sourceAt(s * p.size + i); }
  y[i] = sum;
}
