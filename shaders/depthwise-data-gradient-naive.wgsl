// dx[b, ih, iw, c] = sum over the outputs that x was multiplied into of dy * w; one thread an input.
#include "lib/grid"
#include "lib/depthwise"
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let at = flat(workgroup, grid) * 64u + lane;
  if (at >= p.batch * p.height * p.width * p.channels) { return; }
  let c = at % p.channels;
  let pixel = at / p.channels;
  let iw = pixel % p.width;
  let ih = pixel / p.width % p.height;
  let b = pixel / (p.width * p.height);
  var sum = 0.0;
  for (var i = 0u; i < p.kh; i++) {
    let down = ih + p.top - i; // oh * stride; wraps where the kernel would start above the padding
    if (down % p.stride != 0u || down / p.stride >= p.outHeight) { continue; }
    for (var j = 0u; j < p.kw; j++) {
      let along = iw + p.left - j;
      if (along % p.stride != 0u || along / p.stride >= p.outWidth) { continue; }
      let source = ((b * p.outHeight + down / p.stride) * p.outWidth + along / p.stride) * p.channels + c;
      sum += dy[source] * w[(i * p.kw + j) * p.channels + c];
    }
  }
#if ACCUMULATE
  dx[at] += sum;
#else
  dx[at] = sum;
#endif
}
