// y = x / (1 - rate) where the element's random number is at least `threshold`, else 0; four elements a thread.
#include "lib/grid"
#include "lib/random"

struct Params { size: u32, key: u32, threshold: u32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> clock: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = flat(workgroup, grid) * 1024u + lane;
  let key = keyOf(clock[0], clock[1], clock[2], params.key);
#unroll j 4
  { let i = first + $ju * 256u;
    if (i < params.size) { y[i] = select(0.0, x[i] * params.scale, draw(key, i) >= params.threshold); }
  }
#end
}
