// Weight gradient of a depthwise convolution: a thread sums all taps of four channels over `chunk` bands of ROWS rows of dy, rolling along
// each band with the window of x in registers; the parts of all chunks are added up by another pass.
#include "lib/depthwise"
#include "lib/quads"
#include "lib/window"
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;

fn tiles() -> u32 { return (params.channels / 4u * params.splits + LANES - 1u) / LANES; }

fn tile(index: u32, lane: u32) {
  let p = params;
  let quads = p.channels / 4u;
  let bands = (p.outHeight + ROWS - 1u) / ROWS; // of one image
  let item = index * LANES + lane;
  let c = item % quads;
  let split = item / quads;
  if (split >= p.splits) { return; }
#unroll t TAPS
  var sum$t = vec4f();
#end
  for (var band = split * p.chunk; band < min((split + 1u) * p.chunk, p.batch * bands); band++) {
    let b = band / bands;
    let row = band % bands * ROWS;
#unroll t TAPS
    var part$t = vec4f(); // a band by itself: a long chain of sums would lose digits
#end
#unroll n ROWS
    let in$n = row + $nu < p.outHeight;
    let on$n = select(0.0, 1.0, in$n);
    let dyLine$n = (b * p.outHeight + select(row, row + $nu, in$n)) * p.outWidth;
#end
    var window: array<vec4f, TALL * KW>;
#unroll y TALL
    let y$y = row * STRIDE + $yu - p.top; // a row above the padding wraps
    let mask$y = select(0.0, 1.0, y$y < p.height);
    let line$y = (b * p.height + select(0u, y$y, y$y < p.height)) * p.width;
#unroll j KEEP
    window[$yu * KW + $ju] = sourceQuad(line$y, $ju - p.left, c, mask$y);
#end
#end
    for (var column = 0u; column < p.outWidth; column++) {
#unroll y TALL
#unroll j STRIDE
      window[$yu * KW + KEEP + $ju] = sourceQuad(line$y, column * STRIDE + KEEP + $ju - p.left, c, mask$y);
#end
#end
#unroll n ROWS
      let dy$n = columnQuad((dyLine$n + column) * quads + c) * on$n;
#end
#unroll t TAPS
#unroll n ROWS
      part$t += window[($nu * STRIDE + $tu / KW) * KW + $tu % KW] * dy$n;
#end
#end
#unroll y TALL
#unroll j KEEP
      window[$yu * KW + $ju] = window[$yu * KW + $ju + STRIDE];
#end
#end
    }
#unroll t TAPS
    sum$t += part$t;
#end
  }
#unroll t TAPS
  {
    let place = (split * TAPS + $tu) * quads + c;
#if ACCUMULATE
    result[place] += sum$t;
#else
    result[place] = sum$t;
#endif
  }
#end
}

#include "lib/work-queue"
