// dx[b, ih, iw, c] = sum over the outputs (oh, ow) and channels that x was multiplied into of dy * w; one thread an input.
// Groups that share their input add up.
#include "lib/grid"
#include "lib/conv"
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let at = flat(workgroup, grid) * 64u + lane;
  if (at >= p.batch * p.height * p.width * p.xChannels) { return; }
  let c = at % p.ci;
  let pixel = at / p.xChannels;
  let iw = pixel % p.width;
  let ih = pixel / p.width % p.height;
  let b = pixel / (p.width * p.height);
  let everyGroup = p.xGroup == 0u;
  let first = select(at % p.xChannels / p.ci, 0u, everyGroup);
  let end = select(first + 1u, p.groups, everyGroup);
  var sum = 0.0;
  for (var g = first; g < end; g++) {
    for (var i = 0u; i < p.kh; i++) {
      let down = ih + p.top - i; // oh * stride; wraps where the kernel would start above the padding
      if (down % p.stride != 0u || down / p.stride >= p.outHeight) { continue; }
      for (var j = 0u; j < p.kw; j++) {
        let along = iw + p.left - j;
        if (along % p.stride != 0u || along / p.stride >= p.outWidth) { continue; }
        let source = (((b * p.outHeight + down / p.stride) * p.outWidth + along / p.stride) * p.groups + g) * p.co;
        let weights = (((g * p.kh + i) * p.kw + j) * p.ci + c) * p.co;
        for (var o = 0u; o < p.co; o++) { sum += dy[source + o] * w[weights + o]; }
      }
    }
  }
#if ACCUMULATE
  dx[at] += sum;
#else
  dx[at] = sum;
#endif
}
