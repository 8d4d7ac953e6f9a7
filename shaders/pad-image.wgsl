// An image with a border of zeros, and its channels filled up with zeros to a quad; one thread an element of y.
#include "lib/grid"

struct Params { batch: u32, height: u32, width: u32, channels: u32, top: u32, left: u32, outHeight: u32, outWidth: u32, quad: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let i = flat(workgroup, grid) * 256u + lane;
  let pixel = i / p.quad;
  let b = pixel / (p.outHeight * p.outWidth);
  if (b >= p.batch) { return; }
  let c = i % p.quad;
  let ih = pixel / p.outWidth % p.outHeight - p.top; // wraps above the top: not below height either
  let iw = pixel % p.outWidth - p.left;
  let inside = c < p.channels && ih < p.height && iw < p.width;
  y[i] = select(0.0, x[select(0u, ((b * p.height + ih) * p.width + iw) * p.channels + c, inside)], inside);
}
