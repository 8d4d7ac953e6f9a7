// place[rows[0] + b] = x[b]; rows beyond the end are left out.
#include "lib/grid"

struct Params { size: u32, row: u32, end: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read_write> place: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = flat(workgroup, grid) * 256u + lane;
  let to = rows[0] * params.row + i;
  if (i < params.size && to < params.end) { place[to] = x[i]; }
}
