// dx = the sum of dy over the windows that chose this pixel. REACH: windows that can cover a pixel in one direction.
#include "lib/vector"

struct Params { height: u32, width: u32, out_height: u32, out_width: u32, columns: u32, stride: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> place: array<U>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read_write> dx: array<V>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let thread = workgroup.x * 256u + lane;
  let column = thread % params.columns;
  let w = thread / params.columns;
  let h = workgroup.y;
  if (w >= params.width) { return; }
  var sum = V(0.0);
#unroll i REACH
  {
    let oy = (h + params.pad) / params.stride - $iu; // before the first window it wraps to a huge row
    let ty = h + params.pad - oy * params.stride;
    if (oy < params.out_height && ty < KERNEL) {
#unroll j REACH
      {
        let ox = (w + params.pad) / params.stride - $ju;
        let tx = w + params.pad - ox * params.stride;
        if (ox < params.out_width && tx < KERNEL) {
          let at = ((workgroup.z * params.out_height + oy) * params.out_width + ox) * params.columns + column;
          sum += select(V(0.0), dy[at], place[at] == U(ty * KERNEL + tx));
        }
      }
#end
    }
  }
#end
  dx[((workgroup.z * params.height + h) * params.width + w) * params.columns + column] = sum;
}
