// Writes one row of the ring of losses, and raises the flag when the total is not finite. Losses are handled as bits: WGSL may assume
// that no f32 is infinite or NaN.
struct Params { rows: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> total: array<u32>;
@group(0) @binding(2) var<storage, read> ce: array<u32>;
#if HAS_GIL
@group(0) @binding(3) var<storage, read> gil: array<u32>;
#endif
#if HAS_LIL
@group(0) @binding(4) var<storage, read> lil: array<u32>;
#endif
#if WEIGHTS > 0
@group(0) @binding(5) var<storage, read> weights: array<u32>;
#endif
@group(0) @binding(6) var<storage, read_write> ring: array<u32>;
@group(0) @binding(7) var<storage, read> slot: array<u32>;
@group(0) @binding(8) var<storage, read_write> flag: array<u32>;

@compute @workgroup_size(1)
fn main() {
  let row = 8u * (slot[0] % params.rows);
  for (var i = 2u; i < 8u; i++) { ring[row + i] = 0u; }
  ring[row] = total[0];
  ring[row + 1u] = ce[0];
#if HAS_GIL
  ring[row + 2u] = gil[0];
#endif
#if HAS_LIL
  ring[row + 3u] = lil[0];
#endif
#if WEIGHTS > 0
  for (var i = 0u; i < WEIGHTS; i++) { ring[row + 4u + i] = weights[i]; }
#endif
  let exponent = 0x7f800000u;
  if ((total[0] & exponent) == exponent) { flag[0] |= 1u; }
}
