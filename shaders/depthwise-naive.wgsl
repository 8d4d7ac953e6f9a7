// y[b, oh, ow, c] = sum over the kernel of x * w; one thread an output.
#include "lib/grid"
#include "lib/depthwise"
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let at = flat(workgroup, grid) * 64u + lane;
  if (at >= p.batch * p.outHeight * p.outWidth * p.channels) { return; }
  let c = at % p.channels;
  let pixel = at / p.channels;
  let ow = pixel % p.outWidth;
  let oh = pixel / p.outWidth % p.outHeight;
  let b = pixel / (p.outWidth * p.outHeight);
  var sum = 0.0;
  for (var i = 0u; i < p.kh; i++) {
    let ih = oh * p.stride + i - p.top; // wraps above the top: not below height either
    if (ih >= p.height) { continue; }
    for (var j = 0u; j < p.kw; j++) {
      let iw = ow * p.stride + j - p.left;
      if (iw >= p.width) { continue; }
      sum += x[((b * p.height + ih) * p.width + iw) * p.channels + c] * w[(i * p.kw + j) * p.channels + c];
    }
  }
  y[at] = sum;
}
