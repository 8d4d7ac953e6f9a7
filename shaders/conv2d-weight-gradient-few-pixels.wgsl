// Weight gradient of a convolution with few pixels, for CPU adapters: of linear layers, or of small images in a small batch. The sum over
// pixels is short, and what counts is the way of the weights to memory. A tile has LANES quads of columns co and RUN quads of rows ci of one
// tap: a lane keeps dy in its columns, of all pixels, and stores row after row, in a loop that carries no sums and stays in the cache.
//
// Pixels come in PARTS of LANES. Lane l loads what pixel l of a part meets of x; in step r it multiplies pixel l + r, as in conv2d-software.
enable subgroups;
#include "lib/conv"
#include "lib/quads"
#include "lib/quotient"
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;

fn columnTiles() -> u32 { return (params.co / 4u + LANES - 1u) / LANES; }
fn rowTiles() -> u32 { return (params.ci / 4u + RUN - 1u) / RUN; } // of a tap
fn tiles() -> u32 { return params.groups * params.kh * params.kw * rowTiles() * columnTiles(); }

fn tile(index: u32, lane: u32) {
  let p = params;
  let ci4 = p.ci / 4u;
  let co4 = p.co / 4u;
  let line = quotient(index, columnTiles());
  let plane = quotient(line, rowTiles());
  let first = (line - plane * rowTiles()) * RUN;
  let kernelRow = quotient(plane, p.kw);
  let g = quotient(kernelRow, p.kh);
  let ij = vec2u(kernelRow - g * p.kh, plane - kernelRow * p.kw);
  let column = (index - line * columnTiles()) * LANES + lane;
  let dyFirst = g * co4 + min(column, co4 - 1u);
  let last = p.batch * p.outHeight * p.outWidth - 1u; // pixel; beyond it lanes read that one and count it 0 times
#unroll r LANES
  let giver$r = (lane + $ru) % LANES;
#end
#unroll n PARTS
  let pixel$n = $nu * LANES + lane;
  let y$n = quotient(pixel$n, p.outWidth);
  let image$n = quotient(y$n, p.outHeight);
  let at$n = vec2u(y$n - image$n * p.outHeight, pixel$n - y$n * p.outWidth) * p.stride + ij - vec2u(p.top, p.left); // wraps below 0
  let inside$n = pixel$n <= last && all(at$n < vec2u(p.height, p.width));
  let mask$n = select(0.0, 1.0, inside$n);
  let from$n = select(0u, (image$n * p.height + at$n.x) * p.width + at$n.y, inside$n);
  let x$n = from$n * (p.xChannels / 4u) + g * (p.xGroup / 4u);
#unroll r LANES
  let dy$n_$r = columnQuad(min($nu * LANES + giver$r, last) * (p.groups * co4) + dyFirst);
#end
#end
  for (var row = first; row < min(first + RUN, ci4); row++) {
#unroll e 4
    var sum$e = vec4f();
#end
#unroll n PARTS
    {
      let x = rowQuad(x$n + row) * mask$n;
#unroll e 4
      var part$e = vec4f();
#end
#unroll r LANES
      {
        let other = subgroupShuffle(x, giver$r);
#unroll e 4
        part$e += other[$e] * dy$n_$r;
#end
      }
#end
#unroll e 4
      sum$e += part$e;
#end
    }
#end
    let to = (plane * ci4 + row) * 4u * co4 + column;
    if (column < co4) {
#unroll e 4
#if ACCUMULATE
      result[to + $eu * co4] += sum$e;
#else
      result[to + $eu * co4] = sum$e;
#endif
#end
    }
  }
}

#include "lib/work-queue"
