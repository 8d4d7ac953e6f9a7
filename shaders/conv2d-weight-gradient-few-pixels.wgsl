// Weight gradient of a 1x1 convolution of no more pixels than a subgroup has lanes, for CPU adapters: linear layers of a small batch. The
// sum over pixels is short, and what counts is the way of the weights to memory. A tile has LANES quads of columns co and RUN quads of
// rows ci: a lane keeps the gradients of its columns, of all pixels, and stores row after row, in a loop that stays in the cache.
//
// Lane l loads pixel l of x; in step r it meets pixel l + r, as in conv2d-software.
enable subgroups;
#include "lib/conv"
#include "lib/quads"
#include "lib/quotient"
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;

fn columnTiles() -> u32 { return (params.co / 4u + LANES - 1u) / LANES; }
fn rowTiles() -> u32 { return (params.ci / 4u + RUN - 1u) / RUN; }
fn tiles() -> u32 { return params.groups * rowTiles() * columnTiles(); }

fn tile(index: u32, lane: u32) {
  let p = params;
  let ci4 = p.ci / 4u;
  let co4 = p.co / 4u;
  let line = quotient(index, columnTiles());
  let g = quotient(line, rowTiles());
  let first = (line - g * rowTiles()) * RUN;
  let column = (index - line * columnTiles()) * LANES + lane;
  let dyFirst = g * co4 + min(column, co4 - 1u);
  let pixels = p.batch * p.height * p.width;
  let mask = select(0.0, 1.0, lane < pixels);
  let xFirst = min(lane, pixels - 1u) * (p.xChannels / 4u) + g * (p.xGroup / 4u);
#unroll r LANES
  let giver$r = (lane + $ru) % LANES;
  let dy$r = columnQuad(min(giver$r, pixels - 1u) * (p.groups * co4) + dyFirst);
#end
  for (var row = first; row < min(first + RUN, ci4); row++) {
    let x = rowQuad(xFirst + row) * mask;
    let to = (g * ci4 + row) * 4u * co4 + column;
#unroll e 4
    var sum$e = vec4f();
#end
#unroll r LANES
    {
      let other = subgroupShuffle(x, giver$r);
#unroll e 4
      sum$e += other[$e] * dy$r;
#end
    }
#end
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
