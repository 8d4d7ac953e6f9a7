// a / b, rounded down, for b below 2^20 and a below 2^31. CPU adapters divide floats eight at once, integers one by one. The first quotient
// is off by 2^-21 of itself; what it leaves over tells by how much. WGSL lets a division be off by 2.5 ulp: half a step more than is left
// over keeps multiples of b from the edge, where that would show.
fn quotient(a: u32, b: u32) -> u32 {
  let divisor = f32(i32(b));
  let q = whole(floor(f32(i32(a)) / divisor));
  let rest = bitcast<i32>(a - q * b);
  return q + small(floor((f32(rest) + 0.5) / divisor));
}

fn quotients(a: vec2u, b: u32) -> vec2u { return vec2u(quotient(a.x, b), quotient(a.y, b)); }

// Whole floats as integers. u32() is ten instructions a lane there, for it says what becomes of values that do not fit. From 2^23 on, whose
// bits are 0x4b000000, the last place of a float is 1: its bits count.
fn whole(f: f32) -> u32 { // from 0 to 2^31
  let high = floor(f * 0x1p-22);
  let low = f - high * 0x1p22;
  return (bitcast<u32>(high + 0x1p23) << 22u) + bitcast<u32>(low + 0x1p23) - 0x4b000000u;
}

fn small(f: f32) -> u32 { return bitcast<u32>(f + 0x1.8p23) - 0x4b400000u; } // within 2^22 of 0, wrapping
