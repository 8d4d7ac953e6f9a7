// dx = dy where x > 0, else slope * dy; four elements a thread.
#include "lib/grid"

struct Params { size: u32, slope: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = flat(workgroup, grid) * 1024u + lane;
#unroll j 4
  { let i = first + $ju * 256u; if (i < params.size) { dx[i] = select(params.slope * dy[i], dy[i], x[i] > 0.0); } }
#end
}
