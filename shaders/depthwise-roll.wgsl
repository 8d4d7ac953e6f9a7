// Depthwise convolution: a thread has four channels of ROWS neighbouring rows of the result and rolls along `span` columns. Each column
// of x is loaded once and added to all PENDING columns of the result that it is part of: what is carried on are their sums, which are
// fewer than the window of x would be (8 quads instead of 12 for four rows of 3x3). Weights are loaded once for several images.
// FLIP: the data gradient of a convolution of stride 1 is a convolution of dy with the kernel turned round.
#include "lib/depthwise"
#include "lib/quads"
#include "lib/quotient"
#include "lib/window"
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;

fn bands() -> u32 { return (params.outHeight + ROWS - 1u) / ROWS; } // of an image
fn spans() -> u32 { return (params.outWidth + params.span - 1u) / params.span; }
fn portions() -> u32 { return (params.batch + params.images - 1u) / params.images; }
fn tiles() -> u32 { return (params.channels / 4u * spans() * bands() * portions() + LANES - 1u) / LANES; }

fn tile(index: u32, lane: u32) {
  let p = params;
  let quads = p.channels / 4u;
  let item = index * LANES + lane;
  let line = quotient(item, quads);
  let band = quotient(line, spans());
  let portion = quotient(band, bands());
  let c = item - line * quads;
  let begin = (line - band * spans()) * p.span;
  let row = (band - portion * bands()) * ROWS;
#unroll i KH
#unroll j KW
#if FLIP
  let k$i_$j = columnQuad(((KH - 1u - $iu) * KW + KW - 1u - $ju) * quads + c);
#else
  let k$i_$j = columnQuad(($iu * KW + $ju) * quads + c);
#endif
#end
#end
  for (var b = portion * p.images; b < min((portion + 1u) * p.images, p.batch); b++) {
    // Of the results that this column and those behind it are part of. Without a value Dawn's compiler clears them for the first image only.
    var sums = array<vec4f, ROWS * PENDING>();
#unroll y TALL
    let y$y = row * STRIDE + $yu - p.top; // a row above the padding wraps
    let mask$y = select(0.0, 1.0, y$y < p.height);
    let line$y = (b * p.height + select(0u, y$y, y$y < p.height)) * p.width;
#end
#unroll f KEEP
    {
      var x: array<vec4f, TALL>;
#unroll y TALL
      x[$y] = sourceQuad(line$y, begin * STRIDE + $fu - p.left, c, mask$y);
#end
#unroll m PENDING
#unroll j KW
      if ($mu * STRIDE + $ju == $fu) {
#unroll n ROWS
#unroll i KH
        sums[$nu * PENDING + $mu] += x[$nu * STRIDE + $iu] * k$i_$j;
#end
#end
      }
#end
#end
    }
#end
    for (var column = begin; column < min(begin + p.span, p.outWidth); column++) {
#unroll f STRIDE
      {
        var x: array<vec4f, TALL>;
#unroll y TALL
        x[$y] = sourceQuad(line$y, column * STRIDE + KEEP + $fu - p.left, c, mask$y);
#end
#unroll m PENDING
#unroll j KW
        if ($mu * STRIDE + $ju == KEEP + $fu) {
#unroll n ROWS
#unroll i KH
          sums[$nu * PENDING + $mu] += x[$nu * STRIDE + $iu] * k$i_$j;
#end
#end
        }
#end
#end
      }
#end
#unroll n ROWS
      if (row + $nu < p.outHeight) {
        let place = ((b * p.outHeight + row + $nu) * p.outWidth + column) * quads + c;
#if ACCUMULATE
        result[place] += sums[$nu * PENDING];
#else
        result[place] = sums[$nu * PENDING];
#endif
      }
#unroll m LATER
      sums[$nu * PENDING + $mu] = sums[$nu * PENDING + $mu + 1u];
#end
      sums[$nu * PENDING + LATER] = vec4f();
#end
    }
  }
}

#include "lib/work-queue"
