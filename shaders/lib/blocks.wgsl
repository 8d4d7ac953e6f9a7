// How threads share a matrix [rows, columns] of V (src/kernels/blocks.ts): each serves BLOCKS columns, LANES apart, in one share of the
// rows. Threads side by side read side by side, and what a CPU's core reads on its way down the rows is one stretch of memory.
// After lib/grid; Params has `columns`.
struct Share {
  column: u32, // the first; the others follow LANES apart, and may lie beyond the last
  rows: u32,   // index of the share of rows
}

fn shareOf(thread: u32) -> Share {
  let across = (params.columns + LANES * BLOCKS - 1u) / (LANES * BLOCKS);
  let strip = thread / LANES;
  return Share(strip % across * (LANES * BLOCKS) + thread % LANES, strip / across);
}
