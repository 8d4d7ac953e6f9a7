// Depthwise convolution: a thread has four channels of ROWS neighbouring rows of the result and rolls along `span` columns. It keeps the
// window of x that the next column needs in registers, so that each step loads STRIDE new columns of the window only.
// FLIP: the data gradient of a convolution of stride 1 is a convolution of dy with the kernel turned round.
#include "lib/grid"
#include "lib/depthwise"
#include "lib/quads"
#include "lib/window"
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;


@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let quads = p.channels / 4u;
  let spans = (p.outWidth + p.span - 1u) / p.span;
  let bands = (p.outHeight + ROWS - 1u) / ROWS;
  let item = flat(workgroup, grid) * 64u + lane;
  let c = item % quads;
  let begin = item / quads % spans * p.span;
  let row = item / (quads * spans) % bands * ROWS;
  let b = item / (quads * spans * bands);
  if (b >= p.batch) { return; }
#unroll i KH
#unroll j KW
#if FLIP
  let k$i_$j = columnQuad(((KH - 1u - $iu) * KW + KW - 1u - $ju) * quads + c);
#else
  let k$i_$j = columnQuad(($iu * KW + $ju) * quads + c);
#endif
#end
#end
  var window: array<vec4f, TALL * KW>;
#unroll y TALL
  let y$y = row * STRIDE + $yu - p.top; // a row above the padding wraps
  let mask$y = select(0.0, 1.0, y$y < p.height);
  let line$y = (b * p.height + select(0u, y$y, y$y < p.height)) * p.width;
#unroll j KEEP
  window[$yu * KW + $ju] = sourceQuad(line$y, begin * STRIDE + $ju - p.left, c, mask$y);
#end
#end
  for (var column = begin; column < min(begin + p.span, p.outWidth); column++) {
#unroll y TALL
#unroll j STRIDE
    window[$yu * KW + KEEP + $ju] = sourceQuad(line$y, column * STRIDE + KEEP + $ju - p.left, c, mask$y);
#end
#end
#unroll n ROWS
    if (row + $nu < p.outHeight) {
      var sum = vec4f();
#unroll i KH
#unroll j KW
      sum += window[($nu * STRIDE + $iu) * KW + $ju] * k$i_$j;
#end
#end
      let place = ((b * p.outHeight + row + $nu) * p.outWidth + column) * quads + c;
#if ACCUMULATE
      result[place] += sum;
#else
      result[place] = sum;
#endif
    }
#end
#unroll y TALL
#unroll j KEEP
    window[$yu * KW + $ju] = window[$yu * KW + $ju + STRIDE];
#end
#end
  }
}
