// Convolution for CPU adapters, forward and data gradient: a matrix product of pixels (rows) with weights, in registers.
//
// A workgroup is one subgroup. Its LANES lanes load LANES rows of pixels, and LANES quads of columns of weights; a tile is ROWS rows
// by 4*LANES columns. Such an adapter pays some hundred instructions for a load, so every lane loads something else and rows are handed
// round: lane l meets row l + 1, then l + 2, ... A shuffle is one instruction there, a broadcast three. Four k at once: loop-carried sums
// cost a copy per iteration, but a longer body is slower as soon as somebody shares the core.
//
//   forward         row: pixel (u, v) of y;                    x at (u*stride + i - top, ...);  k = (i, j, ci), column co
//   data gradient   row: pixel (cy + u*stride, ...) of dx;     dy at (q + u - i, ...);          k = (i, j, co), column ci
//
// Pixels of dx with one (cy, cx) modulo the stride meet the same kernel taps kh = tap + stride*i, so each such class is a convolution
// without holes, and no product with an inserted zero is computed.
enable subgroups;
diagnostic(off, subgroup_uniformity); // what subgroupAny says is the same in all of the subgroup, which the compiler does not see
const BLOCK_QUADS = 16u;
#include "lib/conv"
#include "lib/quads"
#include "lib/quotient"
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;
#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
#endif

#if DATA_GRADIENT
fn columnQuads() -> u32 { return params.ci / 4u; }
fn planes() -> u32 { return params.groups * params.stride * params.stride; } // the classes of each group
fn mostRows() -> u32 { // of one
  let most = quotients(vec2u(params.height, params.width) + params.stride - 1u, params.stride);
  return params.batch * most.x * most.y;
}
#else
fn columnQuads() -> u32 { return params.co / 4u; }
fn planes() -> u32 { return params.groups; }
fn mostRows() -> u32 { return params.batch * params.outHeight * params.outWidth; }
#endif
fn columnTiles() -> u32 { return (columnQuads() + LANES - 1u) / LANES; }
fn tilesOfPlane() -> u32 { return columnTiles() * ((mostRows() + ROWS - 1u) / ROWS); }
fn tiles() -> u32 { return planes() * tilesOfPlane(); }

fn tile(index: u32, lane: u32) {
  let p = params;
  let ci4 = p.ci / 4u;
  let co4 = p.co / 4u;
  let ofPlane = tilesOfPlane();
  let plane = quotient(index, ofPlane);
  let at = index - plane * ofPlane;
#if DATA_GRADIENT
  let line = quotient(plane, p.stride);
  let g = quotient(line, p.stride);
  let first = vec2u(line - g * p.stride, plane - line * p.stride); // (cy, cx)
  let extent = quotients(vec2u(p.height, p.width) + p.stride - 1u - first, p.stride);
  let origin = quotients(first + vec2u(p.top, p.left), p.stride);
  let tap = first + vec2u(p.top, p.left) - origin * p.stride;
  let taps = quotients(vec2u(p.kh, p.kw) + p.stride - 1u - tap, p.stride);
  let tapStep = p.stride;
  let scale = 1u;
  let size = vec2u(p.outHeight, p.outWidth);
  let depth = co4;
  let sourceChannels = p.groups * co4;
  let sourceFirst = g * co4;
  let resultSize = vec2u(p.height, p.width);
  let resultStep = p.stride;
  let resultChannels = p.xChannels / 4u;
#else
  let g = plane;
  let first = vec2u();
  let extent = vec2u(p.outHeight, p.outWidth);
  let tap = vec2u();
  let taps = vec2u(p.kh, p.kw);
  let tapStep = 1u;
  let origin = vec2u() - vec2u(p.top, p.left);
  let scale = p.stride;
  let size = vec2u(p.height, p.width);
  let depth = ci4;
  let sourceChannels = p.xChannels / 4u;
  let sourceFirst = g * (p.xGroup / 4u);
  let resultSize = extent;
  let resultStep = 1u;
  let resultChannels = p.groups * co4;
#endif
#if POINT
  let tapRows = 1u; // constants: the loops over taps are none, and their sums are not copied
  let tapColumns = 1u;
#else
  let tapRows = taps.x;
  let tapColumns = taps.y;
#endif
  let rowCount = p.batch * extent.x * extent.y;
  let across = columnTiles();
  let rowTiles = (rowCount + ROWS - 1u) / ROWS;
  if (at >= across * rowTiles) { return; }
  // Neighbours walk along the smaller operand, which stays in the cache, and share their part of the larger.
  let alongRows = p.batch * size.x * size.y < p.kh * p.kw * columnQuads() * 4u;
  let near = select(across, rowTiles, alongRows);
  let far = quotient(at, near);
  let columnTile = select(at - far * near, far, alongRows);
  let firstRow = select(far, at - far * near, alongRows) * ROWS;
  let column = columnTile * LANES + lane;
  let columnRead = min(column, columnQuads() - 1u);
#if DATA_GRADIENT
  let weights = (g * p.kh * p.kw * p.ci + columnRead * 4u) * co4;
#else
  let weights = g * p.kh * p.kw * p.ci * co4 + columnRead;
#endif
#unroll l LANES
  let giver$l = (lane + $lu) % LANES;
#end
  // As many images side by side as both the batch and a tile are a multiple of (2^together), so that a tile has few places and meets
  // padding in all of them or in none.
  let together = countTrailingZeros(p.batch | ROWS);
#unroll h HALVES
  let row$h = min(firstRow + $hu * LANES + lane, rowCount - 1u);
  let place$h = row$h >> together;
  let line$h = quotient(place$h, extent.y);
  let images$h = quotient(line$h, extent.x);
  let b$h = (images$h << together) + row$h - (place$h << together);
  let at$h = vec2u(line$h - images$h * extent.x, place$h - line$h * extent.y);
#unroll l LANES
  var s$h_$l = vec4f();
#end
#end
  for (var i = 0u; i < tapRows; i++) {
    for (var j = 0u; j < tapColumns; j++) {
#if DATA_GRADIENT
      let shift = origin - vec2u(i, j);
#else
      let shift = origin + vec2u(i, j);
#endif
      var meets = false;
#unroll h HALVES
      let from$h = at$h * scale + shift; // wraps below 0: then it is not below the size either
      let inside$h = all(from$h < size);
      let mask$h = select(0.0, 1.0, inside$h);
      meets |= inside$h;
      let base$h = select(0u, ((b$h * size.x + from$h.x) * size.y + from$h.y) * sourceChannels, inside$h) + sourceFirst;
#end
      // A tap that meets nothing but padding costs nothing.
      let reach = select(0u, depth, subgroupAny(meets));
      let kernel = ((tap.x + tapStep * i) * p.kw + tap.y + tapStep * j) * p.ci;
      // Summed in two levels: a rounding error is then that of a short sum. Golden runs lost a ReLU's sign to longer ones.
      for (var block = 0u; block < reach; block += BLOCK_QUADS) {
        let end = min(block + BLOCK_QUADS, reach);
#unroll h HALVES
#unroll l LANES
        var t$h_$l = vec4f();
#end
#end
      for (var c = block; c < end; c++) {
#if DATA_GRADIENT
#unroll k 4
        let w$k = columnQuad(weights + (kernel + $ku) * co4 + c);
#end
#unroll k 4
        let v$k = vec4f(w0[$k], w1[$k], w2[$k], w3[$k]);
#end
#else
#unroll k 4
        let v$k = columnQuad(weights + (kernel + c * 4u + $ku) * co4);
#end
#endif
#unroll h HALVES
        let x$h = rowQuad(base$h + c) * mask$h;
#unroll l LANES
        {
          let x = subgroupShuffle(x$h, giver$l);
          t$h_$l += (x.x * v0 + x.y * v1) + (x.z * v2 + x.w * v3);
        }
#end
#end
      }
#unroll h HALVES
#unroll l LANES
        s$h_$l += t$h_$l;
#end
#end
      }
    }
  }
#if BIAS
  let offset = bias[g * columnQuads() + columnRead];
#endif
#unroll h HALVES
  let pixel$h = (b$h * resultSize.x + first.x + at$h.x * resultStep) * resultSize.y + first.y + at$h.y * resultStep;
#unroll l LANES
  {
    let i = subgroupShuffle(pixel$h, giver$l) * resultChannels + g * columnQuads() + column;
    if (column < columnQuads() && firstRow + $hu * LANES + giver$l < rowCount) {
#if BIAS
      s$h_$l += offset;
#endif
#if ACCUMULATE
      result[i] += s$h_$l;
#else
      result[i] = s$h_$l;
#endif
    }
  }
#end
#end
}

#include "lib/work-queue"
