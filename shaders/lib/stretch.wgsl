// A workgroup's stretch of a flat array: WIDTH threads side by side, EACH elements a thread (src/kernels/stretch.ts). After lib/grid;
// Params has `size`.
struct Stretch { first: u32, end: u32 } // a thread visits first, first + WIDTH, ... below end

fn stretchOf(workgroup: u32, lane: u32) -> Stretch {
  let start = workgroup * (WIDTH * EACH);
  return Stretch(start + lane, min(start + WIDTH * EACH, params.size));
}
