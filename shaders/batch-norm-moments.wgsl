// Per chunk of rows and channel: the sums of d = x - shift and of d^2, and the shift. It is the mean of four of the chunk's rows, so that
// neither a large mean nor an outlier in one row makes the sums larger, and their rounding coarser, than the deviation calls for.
#include "lib/grid"
#include "lib/vector"

struct Params { rows: u32, columns: u32, chunk: u32, chunks: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> sums: array<V>;

struct Channel { shift: V }
fn channel(column: u32, row: u32) -> Channel {
  let rows = min(params.chunk, params.rows - row);
#unroll k 4
  let x$k = x[(row + $ku * rows / 4u) * params.columns + column];
#end
  return Channel(((x0 + x1) + (x2 + x3)) * 0.25);
}

fn terms(at: u32, c: Channel) -> Pair {
  let d = x[at] - c.shift;
  return Pair(d, d * d);
}
#include "lib/column-sums"
