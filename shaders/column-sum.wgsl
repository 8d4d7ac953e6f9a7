// y[c] = sum over rows of x[r, c]; one thread a column.
#include "lib/grid"

struct Params { rows: u32, columns: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = flat(workgroup, grid) * 64u + lane;
  if (column >= params.columns) { return; }
  var sum = 0.0;
  for (var r = 0u; r < params.rows; r++) { sum += x[r * params.columns + column]; }
#if ACCUMULATE
  y[column] += sum;
#else
  y[column] = sum;
#endif
}
