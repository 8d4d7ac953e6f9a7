// dw[i, j, c] = sum over all output pixels of x * dy; one thread a weight.
#include "lib/grid"
#include "lib/depthwise"
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let at = flat(workgroup, grid) * 64u + lane;
  if (at >= p.kh * p.kw * p.channels) { return; }
  let c = at % p.channels;
  let j = at / p.channels % p.kw;
  let i = at / (p.channels * p.kw);
  var sum = 0.0;
  for (var b = 0u; b < p.batch; b++) {
    for (var oh = 0u; oh < p.outHeight; oh++) {
      let ih = oh * p.stride + i - p.top; // wraps above the top: not below height either
      if (ih >= p.height) { continue; }
      var row = 0.0; // summed by rows: thousands of pixels added one by one would lose digits
      for (var ow = 0u; ow < p.outWidth; ow++) {
        let iw = ow * p.stride + j - p.left;
        if (iw >= p.width) { continue; }
        let source = ((b * p.height + ih) * p.width + iw) * p.channels + c;
        row += x[source] * dy[((b * p.outHeight + oh) * p.outWidth + ow) * p.channels + c];
      }
      sum += row;
    }
  }
#if ACCUMULATE
  dw[at] += sum;
#else
  dw[at] = sum;
#endif
}
