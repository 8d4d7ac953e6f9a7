// First half of a split reduction over the rows of a matrix [rows, columns] of V: two sums of each column over each chunk of rows.
// The including file declares Params (rows, columns, chunk, chunks), `sums` as [2, chunks, columns], and
//   struct Channel, fn channel(column, row) -> Channel    what all elements of a column in a chunk that starts at `row` share
//   fn terms(at: u32, c: Channel) -> Pair                 what element `at` adds to the two sums
// With SHIFTED, `sums` is [3, chunks, columns]: the third is the Channel's `shift`.
#include "lib/blocks"
struct Pair { a: V, b: V }

fn store(column: u32, chunk: u32, sum: Pair, c: Channel) {
  sums[chunk * params.columns + column] = sum.a;
  sums[(params.chunks + chunk) * params.columns + column] = sum.b;
#if SHIFTED
  sums[(2u * params.chunks + chunk) * params.columns + column] = c.shift;
#endif
}

#if TILE
// A workgroup is LANES columns wide and 256 / LANES rows high, and folds its rows in workgroup memory.
var<workgroup> tileA: array<V, 256>;
var<workgroup> tileB: array<V, 256>;

// Sums rows first, first + step, ... below end; four at a time, so that four loads are under way at once.
fn sumRows(column: u32, first: u32, end: u32, step: u32, c: Channel) -> Pair {
  var sum = Pair(V(0.0), V(0.0));
  var row = first;
  for (; row + 3u * step < end; row += 4u * step) {
    let at = row * params.columns + column;
#unroll j 4
    let t$j = terms(at + $ju * step * params.columns, c);
#end
    sum.a += (t0.a + t1.a) + (t2.a + t3.a);
    sum.b += (t0.b + t1.b) + (t2.b + t3.b);
  }
  for (; row < end; row += step) {
    let t = terms(row * params.columns + column, c);
    sum.a += t.a;
    sum.b += t.b;
  }
  return sum;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = workgroup.x * LANES + lane % LANES;
  let first = workgroup.y * params.chunk;
  let end = min(first + params.chunk, params.rows);
  tileA[lane] = V(0.0);
  tileB[lane] = V(0.0);
  if (column < params.columns) {
    let sum = sumRows(column, first + lane / LANES, end, 256u / LANES, channel(column, first));
    tileA[lane] = sum.a;
    tileB[lane] = sum.b;
  }
  for (var half = 128u; half >= LANES; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      tileA[lane] += tileA[lane + half];
      tileB[lane] += tileB[lane + half];
    }
  }
  if (lane < LANES && column < params.columns) {
    store(column, workgroup.y, Pair(tileA[lane], tileB[lane]), channel(column, first));
  }
}
#else
// A thread sums its columns over a chunk on its own.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let share = shareOf(flat(workgroup, grid) * 64u + lane);
  if (share.rows >= params.chunks) { return; }
  let first = share.rows * params.chunk;
  let end = min(first + params.chunk, params.rows);
#unroll k BLOCKS
  let column$k = min(share.column + $ku * LANES, params.columns - 1u); // beyond the last: reads that one, stores nothing
  let c$k = channel(column$k, first);
  var sum$k = Pair(V(0.0), V(0.0));
#end
  for (var start = first; start < end; start += 8u) { // eight rows by themselves: a long chain of sums would lose digits
#unroll k BLOCKS
    var part$k = Pair(V(0.0), V(0.0));
#end
    for (var row = start; row < min(start + 8u, end); row++) {
      let line = row * params.columns;
#unroll k BLOCKS
      let t$k = terms(line + column$k, c$k);
      part$k.a += t$k.a;
      part$k.b += t$k.b;
#end
    }
#unroll k BLOCKS
    sum$k.a += part$k.a;
    sum$k.b += part$k.b;
#end
  }
#unroll k BLOCKS
  if (share.column + $ku * LANES < params.columns) { store(column$k, share.rows, sum$k, c$k); }
#end
}
#endif
