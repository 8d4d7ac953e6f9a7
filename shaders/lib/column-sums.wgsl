// First half of a split reduction over the rows of a matrix [rows, columns] of V: two sums of each column over each chunk of rows.
// The including file declares Params (rows, columns, chunk, chunks, lanes), `sums` as [2, chunks, columns], and
//   struct Channel, fn channel(column, row) -> Channel    what all elements of a column in a chunk that starts at `row` share
//   fn terms(at: u32, c: Channel) -> Pair                 what element `at` adds to the two sums
struct Pair { a: V, b: V }

// Sums rows first, first + step, ... below end; four at a time, since each turn of a loop has a price on software adapters.
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

fn store(column: u32, chunk: u32, sum: Pair) {
  sums[chunk * params.columns + column] = sum.a;
  sums[(params.chunks + chunk) * params.columns + column] = sum.b;
}

#if TILE
// A workgroup is `lanes` columns wide and 256 / lanes rows high, and folds its rows in workgroup memory.
var<workgroup> tileA: array<V, 256>;
var<workgroup> tileB: array<V, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = workgroup.x * params.lanes + lane % params.lanes;
  let first = workgroup.y * params.chunk;
  let end = min(first + params.chunk, params.rows);
  tileA[lane] = V(0.0);
  tileB[lane] = V(0.0);
  if (column < params.columns) {
    let sum = sumRows(column, first + lane / params.lanes, end, 256u / params.lanes, channel(column, first));
    tileA[lane] = sum.a;
    tileB[lane] = sum.b;
  }
  for (var half = 128u; half >= params.lanes; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      tileA[lane] += tileA[lane + half];
      tileB[lane] += tileB[lane + half];
    }
  }
  if (lane < params.lanes && column < params.columns) { store(column, workgroup.y, Pair(tileA[lane], tileB[lane])); }
}
#else
// A thread sums a column over a chunk on its own.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let thread = flat(workgroup, grid) * 64u + lane;
  let column = thread % params.columns;
  let chunk = thread / params.columns;
  if (chunk >= params.chunks) { return; }
  let first = chunk * params.chunk;
  let end = min(first + params.chunk, params.rows);
  store(column, chunk, sumRows(column, first, end, 1u, channel(column, first)));
}
#endif
