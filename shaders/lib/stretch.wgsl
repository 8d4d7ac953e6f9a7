// A tile is a stretch of a flat array: LANES threads side by side, EACH elements a thread (src/kernels/stretch.ts). Params has `size`.
struct Stretch { first: u32, end: u32 } // a thread visits first, first + LANES, ... below end

fn tiles() -> u32 { return (params.size + LANES * EACH - 1u) / (LANES * EACH); }

fn stretchOf(index: u32, lane: u32) -> Stretch {
  let start = index * (LANES * EACH);
  return Stretch(start + lane, min(start + LANES * EACH, params.size));
}
