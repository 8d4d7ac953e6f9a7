// dx = the sum of dy over the windows that chose a pixel. A thread serves one column of V in a block of STRIDE x STRIDE pixels: the
// windows that start in this block or in one of the REACH - 1 before it are all that cover its pixels, so each is read once.
#include "lib/vector"

struct Params { height: u32, width: u32, out_height: u32, out_width: u32, columns: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> place: array<U>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read_write> dx: array<V>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let thread = workgroup.x * 256u + lane;
  let column = thread % params.columns;
  let block = thread / params.columns;
#unroll a STRIDE
#unroll b STRIDE
  var sum$a$b = V(0.0);
#end
#end
#unroll i REACH
#unroll j REACH
  {
    let oy = workgroup.y - $iu; // before the first window it wraps to a huge number
    let ox = block - $ju;
    if (oy < params.out_height && ox < params.out_width) {
      let at = ((workgroup.z * params.out_height + oy) * params.out_width + ox) * params.columns + column;
      let chosen = place[at];
      let gradient = dy[at];
#unroll a STRIDE
#unroll b STRIDE
      if ($iu * STRIDE + $au < KERNEL && $ju * STRIDE + $bu < KERNEL) {
        let tap = ($iu * STRIDE + $au) * KERNEL + $ju * STRIDE + $bu;
        sum$a$b += select(V(0.0), gradient, chosen == U(tap));
      }
#end
#end
    }
  }
#end
#end
#unroll a STRIDE
#unroll b STRIDE
  {
    let h = workgroup.y * STRIDE + $au - params.pad;
    let w = block * STRIDE + $bu - params.pad;
    if (h < params.height && w < params.width) {
      dx[((workgroup.z * params.height + h) * params.width + w) * params.columns + column] = sum$a$b;
    }
  }
#end
#end
}
