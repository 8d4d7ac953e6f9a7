// Weight gradient of a depthwise convolution: a thread sums four channels of one kernel row over `chunk` rows of dy, PATCH columns at
// a time; the parts of all chunks are added up by another pass.
#include "lib/grid"
#include "lib/depthwise"
#include "lib/quads"
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let quads = p.channels / 4u;
  let item = flat(workgroup, grid) * 64u + lane;
  let c = item % quads;
  let i = item / quads % p.kh;
  let split = item / (quads * p.kh);
  if (split >= p.splits) { return; }
#unroll j KW
  var s$j = vec4f();
#end
  let end = min((split + 1u) * p.chunk, p.batch * p.outHeight);
  for (var row = split * p.chunk; row < end; row++) {
    let ih = row % p.outHeight * STRIDE + i - p.top; // wraps above the top: not below height either
    if (ih >= p.height) { continue; }
    let line = (row / p.outHeight * p.height + ih) * p.width;
    for (var at = 0u; at < p.outWidth; at += PATCH) {
      var source: array<vec4f, SPAN>;
#unroll t SPAN
      {
        let column = at * STRIDE - p.left + $tu;
        let inside = column < p.width;
        source[$t] = rowQuad((line + select(0u, column, inside)) * quads + c) * select(0.0, 1.0, inside);
      }
#end
#unroll n PATCH
      {
        let inside = at + $nu < p.outWidth;
        let dy = columnQuad((row * p.outWidth + select(at, at + $nu, inside)) * quads + c) * select(0.0, 1.0, inside);
#unroll j KW
        s$j += source[$nu * STRIDE + $ju] * dy;
#end
      }
#end
    }
  }
#unroll j KW
  {
    let place = ((split * p.kh + i) * KW + $ju) * quads + c;
#if ACCUMULATE
    result[place] += s$j;
#else
    result[place] = s$j;
#endif
  }
#end
}
