// Weight gradient of a convolution for CPU adapters: a matrix product over pixels, in registers. See conv2d-software for the layout.
//
// Rows are 16 input channels of one tap (i, j) of the kernel, columns co, and k runs over output pixels, four at once: lane l loads of
// pixel l % 4 of x quad l / 4 of the QUADS that a load brings. Only pixels whose tap lies in the image are looked at, a rectangle of y:
// where images are small that saves much (of a 3x3 kernel's products with 4x4 pixels, 31 % are with padding). Each of `splits` ranges of
// pixels has tiles of its own, whose sums are added up by another pass.
enable subgroups;
#include "lib/conv"
#include "lib/quads"
#include "lib/quotient"
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;

fn columnTiles() -> u32 { return (params.co / 4u + LANES - 1u) / LANES; }
fn rowTiles() -> u32 { return params.kh * params.kw * ((params.ci / 4u + 3u) / 4u); }
fn tiles() -> u32 { return splits() * params.groups * rowTiles() * columnTiles(); }
fn splits() -> u32 { return (params.batch * params.outHeight * params.outWidth + params.chunk - 1u) / params.chunk; }

fn tile(index: u32, lane: u32) {
  let p = params;
  let ci4 = p.ci / 4u;
  let co4 = p.co / 4u;
  let line = quotient(index, columnTiles());
  let plane = quotient(line, rowTiles());
  let split = quotient(plane, p.groups);
  let g = plane - split * p.groups;
  let row = line - plane * rowTiles();
  let quadTiles = (ci4 + 3u) / 4u;
  let tap = quotient(row, quadTiles);
  let firstQuad = (row - tap * quadTiles) * 4u;
  let column = (index - line * columnTiles()) * LANES + lane;
  let dyChannels = p.groups * co4;
  let dyFirst = g * co4 + min(column, co4 - 1u);
  let xChannels = p.xChannels / 4u;
  let xFirst = g * (p.xGroup / 4u) + firstQuad;
  let lastQuad = ci4 - 1u - firstQuad; // beyond it: reads that one, stores nothing
#unroll m QUADS
  let quad$m = (lane + $mu) % QUADS;
#end
#unroll n LOADS
  let c$n = xFirst + min($nu * QUADS + lane / 4u, lastQuad);
#unroll m QUADS
#unroll e 4
  var s$n$m_$e = vec4f();
#end
#end
#end
#if POINT
  // y's pixels meet those of x in order.
  let begin = split * p.chunk;
  let end = min(begin + p.chunk, p.batch * p.height * p.width);
  var sink = begin + lane % 4u;
#else
  // Pixel u of y meets row u * stride + ij.x - top of x, which lies in x for first.x <= u < first.x + extent.x; columns likewise.
  let i = quotient(tap, p.kw);
  let ij = vec2u(i, tap - i * p.kw);
  let border = vec2u(p.top, p.left);
  let size = vec2u(p.height, p.width);
  let first = quotients(max(border, ij) - ij + p.stride - 1u, p.stride);
  let beyond = min(quotients(max(size + border, ij) - ij + p.stride - 1u, p.stride), vec2u(p.outHeight, p.outWidth));
  let extent = max(beyond, first) - first;
  let pixels = p.batch * extent.x * extent.y;
  let begin = split * p.chunk;
  let end = min(begin + p.chunk, pixels);
  // This lane's pixel: where it is in the rectangle, in y, and in x; and what the next one, four pixels on, adds to each. Products and
  // divisions are dear.
  let wide = max(extent.y, 1u);
  let tall = max(extent.x, 1u);
  let mine = begin + lane % 4u;
  let above = quotient(mine, wide);
  let image = quotient(above, tall);
  var at = vec2u(above - image * tall, mine - above * wide);
  var sink = (image * p.outHeight + first.x + at.x) * p.outWidth + first.y + at.y;
  let corner = (first + at) * p.stride + ij - border;
  var source = (image * p.height + corner.x) * p.width + corner.y;
  let lines = quotient(4u, wide);
  let images = quotient(lines, tall);
  let step = vec2u(lines - images * tall, 4u - lines * wide);
  let sinkStep = (images * p.outHeight + step.x) * p.outWidth + step.y;
  let sourceStep = (images * p.height + step.x * p.stride) * p.width + step.y * p.stride;
  let sinkLine = p.outWidth - wide;
  let sourceLine = (p.width - wide) * p.stride;
  let sinkImage = (p.outHeight - tall) * p.outWidth;
  let sourceImage = (p.height - tall * p.stride) * p.width; // of a stride that does not divide the height below 0, which wraps
#endif
  for (var pixel = begin; pixel < end; pixel += 4u) {
    let live = pixel + lane % 4u < end;
#if POINT
    let place = select(0u, sink, live) * xChannels;
#else
    let place = select(0u, source, live) * xChannels;
#endif
    let mask = select(0.0, 1.0, live);
    let y = select(0u, sink, live) * dyChannels;
#unroll q 4
    let v$q = columnQuad(subgroupBroadcast(y, $qu) + dyFirst);
#end
#unroll n LOADS
    let x$n = rowQuad(place + c$n) * mask;
#unroll m QUADS
    {
#unroll q 4
      let a$q = subgroupShuffle(x$n, 4u * quad$m + $qu);
#end
#unroll e 4
      s$n$m_$e += (a0[$e] * v0 + a1[$e] * v1) + (a2[$e] * v2 + a3[$e] * v3);
#end
    }
#end
#end
#if POINT
    sink += 4u;
#else
    at += step;
    let line = at.y >= wide;
    at = select(at, vec2u(at.x + 1u, at.y - wide), line);
    let next = at.x >= tall;
    at.x -= select(0u, tall, next);
    sink += sinkStep + select(0u, sinkLine, line) + select(0u, sinkImage, next);
    source += sourceStep + select(0u, sourceLine, line) + select(0u, sourceImage, next);
#endif
  }
  let place = (((split * p.groups + g) * p.kh * p.kw + tap) * ci4 + firstQuad) * 4u;
#unroll n LOADS
#unroll m QUADS
  if (firstQuad + $nu * QUADS + quad$m < ci4 && column < co4) {
    let to = (place + ($nu * QUADS + quad$m) * 4u) * co4 + column;
#unroll e 4
#if ACCUMULATE
    result[to + $eu * co4] += s$n$m_$e;
#else
    result[to + $eu * co4] = s$n$m_$e;
#endif
#end
  }
#end
#end
}

#include "lib/work-queue"
