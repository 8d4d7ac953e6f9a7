// y = the largest of each window; place = which of its taps that was, the first in row-major order of several. Padding never wins.
#include "lib/vector"

struct Params { height: u32, width: u32, out_height: u32, out_width: u32, columns: u32, stride: u32, pad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;
@group(0) @binding(3) var<storage, read_write> place: array<U>;

const LOWEST = -3.4028234e38;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let thread = workgroup.x * 256u + lane;
  let column = thread % params.columns;
  let ox = thread / params.columns;
  let oy = workgroup.y;
  if (ox >= params.out_width) { return; }
  var best = V(LOWEST);
  var tap = U(0u);
#unroll i KERNEL
  {
    let h = oy * params.stride + $iu - params.pad; // above the image it wraps to a huge row
    if (h < params.height) {
      let row = (workgroup.z * params.height + h) * params.width;
#unroll j KERNEL
      {
        let w = ox * params.stride + $ju - params.pad;
        if (w < params.width) {
          let value = x[(row + w) * params.columns + column];
          tap = select(tap, U($iu * KERNEL + $ju), value > best);
          best = max(best, value);
        }
      }
#end
    }
  }
#end
  let at = ((workgroup.z * params.out_height + oy) * params.out_width + ox) * params.columns + column;
  y[at] = best;
  place[at] = tap;
}
