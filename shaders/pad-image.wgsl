// An image with a border of zeros, and its channels filled up with zeros to quads; one thread a quad of y.
#include "lib/grid"
#include "lib/quotient"

struct Params { batch: u32, height: u32, width: u32, channels: u32, top: u32, left: u32, outHeight: u32, outWidth: u32, quads: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let i = flat(workgroup, grid) * 64u + lane;
  let pixel = quotient(i, p.quads);
  let line = quotient(pixel, p.outWidth);
  let b = quotient(line, p.outHeight);
  if (b >= p.batch) { return; }
  let ih = line - b * p.outHeight - p.top; // wraps above the top: not below height either
  let iw = pixel - line * p.outWidth - p.left;
  let c = 4u * (i - pixel * p.quads);
  let inside = ih < p.height && iw < p.width;
  let first = select(0u, ((b * p.height + ih) * p.width + iw) * p.channels + c, inside);
  var quad = vec4f();
#unroll e 4
  if (inside && c + $eu < p.channels) { quad[$e] = x[first + $eu]; }
#end
  y[i] = quad;
}
