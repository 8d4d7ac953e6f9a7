// Data gradient of a depthwise convolution of any stride: a thread has four channels of PATCH neighbouring results of one row, so that
// what it loads of a row of dy serves several of them. With v = ih + top, u = iw + left, only taps i = v, j = u (mod stride) count:
//   dx[ih, iw] += dy[(v - i) / stride, (u - j) / stride] * w[i, j]
// Patches begin where u is a multiple of PATCH, so that it is known beforehand which taps a column meets.
#include "lib/depthwise"
#include "lib/quads"
#include "lib/quotient"
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;

const REACH = (KW + STRIDE - 2u) / STRIDE; // columns of dy before the patch's own

fn patches() -> u32 { return (params.width + params.left + PATCH - 1u) / PATCH; } // of a row
fn tiles() -> u32 { return (params.channels / 4u * patches() * params.height * params.batch + LANES - 1u) / LANES; }

fn tile(index: u32, lane: u32) {
  let p = params;
  let quads = p.channels / 4u;
  let size = vec2u(p.height, p.width);
  let sourceSize = vec2u(p.outHeight, p.outWidth);
  let before = p.left;
  let item = index * LANES + lane;
  let strip = quotient(item, quads);
  let line = quotient(strip, patches());
  let b = quotient(line, size.x);
  let c = item - strip * quads;
  let at = (strip - line * patches()) * PATCH; // wraps below 0 after `before` is taken away: then it is not below the size either
  let row = line - b * size.x;
  if (b >= p.batch) { return; }
#unroll n PATCH
  var s$n = vec4f();
#end
  for (var i = (row + p.top) % STRIDE; i < p.kh; i += STRIDE) {
    let origin = vec2u((row + p.top - i) / STRIDE, at / STRIDE - REACH);
    if (origin.x >= sourceSize.x) { continue; }
    let first = (b * sourceSize.x + origin.x) * sourceSize.y;
    var source: array<vec4f, SPAN>;
#unroll t SPAN
    {
      let column = origin.y + $tu;
      let inside = column < sourceSize.y;
      source[$t] = rowQuad((first + select(0u, column, inside)) * quads + c) * select(0.0, 1.0, inside);
    }
#end
#unroll j KW
    {
      let w = columnQuad((i * KW + $ju) * quads + c);
#unroll n PATCH
      if (($nu + REACH * STRIDE - $ju) % STRIDE == 0u) { s$n += source[($nu + REACH * STRIDE - $ju) / STRIDE] * w; }
#end
    }
#end
  }
  let place = (b * size.x + row) * size.y;
#unroll n PATCH
  {
    let column = at - before + $nu;
    if (column < size.y) {
#if ACCUMULATE
      result[(place + column) * quads + c] += s$n;
#else
      result[(place + column) * quads + c] = s$n;
#endif
    }
  }
#end
}

#include "lib/work-queue"
