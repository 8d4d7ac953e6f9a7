// y[b, pixel, c] = scale * s[b, c], times x[b, pixel, c] where there is an x. A thread serves one column of V in eight pixels.
#include "lib/vector"

struct Params { pixels: u32, columns: u32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> s: array<V>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;
#if PRODUCT
@group(0) @binding(3) var<storage, read> x: array<V>;
#endif

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let thread = workgroup.x * 256u + lane;
  let column = thread % params.columns;
  let pixel = thread / params.columns * 8u;
  if (pixel >= params.pixels) { return; }
  let factor = s[workgroup.y * params.columns + column] * params.scale;
  let first = (workgroup.y * params.pixels + pixel) * params.columns + column;
#unroll j 8
  if (pixel + $ju < params.pixels) {
    let at = first + $ju * params.columns;
#if PRODUCT
    let value = x[at] * factor;
#else
    let value = factor;
#endif
#if ACCUMULATE
    y[at] += value;
#else
    y[at] = value;
#endif
  }
#end
}
