// Per chunk of rows and channel: the sums of d = x - shift and of d^2, and the shift. It is the mean of four of the chunk's rows, so that
// neither a large mean nor an outlier in one row makes the sums larger, and their rounding coarser, than the deviation calls for.
#include "lib/grid"
#include "lib/vector"

struct Params { rows: u32, columns: u32, chunk: u32, chunks: u32 }
@group(0) @binding(0) var<uniform> params: Params;
#if TEXTURE
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
fn xAt(i: u32) -> V { return textureLoad(x, texel(i)); }
#else
@group(0) @binding(1) var<storage, read> x: array<V>;
fn xAt(i: u32) -> V { return x[i]; }
#endif
@group(0) @binding(2) var<storage, read_write> sums: array<V>;

struct Channel { shift: V }
fn channel(column: u32, row: u32) -> Channel {
  let rows = min(params.chunk, params.rows - row);
#unroll k 4
  let x$k = xAt((row + $ku * rows / 4u) * params.columns + column);
#end
  return Channel(((x0 + x1) + (x2 + x3)) * 0.25);
}

fn terms(at: u32, c: Channel) -> Pair {
  let d = xAt(at) - c.shift;
  return Pair(d, d * d);
}
#include "lib/column-sums"
