// dx = dy * s * (1 + x * (1 - s)), s = sigmoid(x); four elements a thread.
#include "lib/grid"
#include "lib/vector"
#include "lib/activation"

struct Params { size: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = flat(workgroup, grid) * 1024u + lane;
#unroll j 4
  { let i = first + $ju * 256u;
    if (i < params.size) {
      let s = sigmoid(x[i]);
      dx[i] = dy[i] * s * (1.0 + x[i] * (1.0 - s));
    }
  }
#end
}
