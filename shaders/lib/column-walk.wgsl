// Both sums of a column of V over all rows of a matrix, by one thread: of blocks of blocks of rows, since long chains of sums lose digits.
// The including file declares Params (rows, columns, block: the cube root of rows), struct Channel, and
//   fn terms(at: u32, c: Channel) -> Pair    what element `at` adds to the two sums
struct Pair { a: V, b: V }

fn sumColumn(column: u32, c: Channel) -> Pair {
  var sum = Pair(V(0.0), V(0.0));
  let square = params.block * params.block;
  for (var first = 0u; first < params.rows; first += square) {
    var part = Pair(V(0.0), V(0.0));
    for (var start = first; start < min(first + square, params.rows); start += params.block) {
      var few = Pair(V(0.0), V(0.0));
      for (var row = start; row < min(start + params.block, params.rows); row++) {
        let t = terms(row * params.columns + column, c);
        few.a += t.a;
        few.b += t.b;
      }
      part.a += few.a;
      part.b += few.b;
    }
    sum.a += part.a;
    sum.b += part.b;
  }
  return sum;
}
