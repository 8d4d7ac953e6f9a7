// Per chunk of rows and channel: the sums of d and d^2, d = x - (the chunk's first row), so that a large mean cancels nothing.
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
fn channel(column: u32, row: u32) -> Channel { return Channel(xAt(row * params.columns + column)); }

fn terms(at: u32, c: Channel) -> Pair {
  let d = xAt(at) - c.shift;
  return Pair(d, d * d);
}
#include "lib/column-sums"
