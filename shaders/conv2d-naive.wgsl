// y[b, oh, ow, g, o] = sum over kernel and input channels of x * w; one thread an output.
#include "lib/grid"
#include "lib/conv"
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let at = flat(workgroup, grid) * 64u + lane;
  if (at >= p.batch * p.outHeight * p.outWidth * p.groups * p.co) { return; }
  let o = at % p.co;
  let g = at / p.co % p.groups;
  let pixel = at / (p.co * p.groups);
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
      let source = ((b * p.height + ih) * p.width + iw) * p.xChannels + g * p.xGroup;
      let weights = ((g * p.kh + i) * p.kw + j) * p.ci * p.co + o;
      for (var c = 0u; c < p.ci; c++) { sum += x[source + c] * w[weights + c * p.co]; }
    }
  }
  y[at] = sum;
}
