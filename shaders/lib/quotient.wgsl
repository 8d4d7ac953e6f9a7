// a / b, rounded down, for b below 2^20 and a below 2^31. CPU adapters divide floats eight at once, integers one by one; and so they
// convert, unless the integers are signed. The first quotient is off by 2^-21 of itself; what it leaves over tells by how much. WGSL lets a
// division be off by 2.5 ulp: half a step more than is left over keeps multiples of b from the edge, where that would show.
fn quotient(a: u32, b: u32) -> u32 {
  let q = u32(i32(f32(i32(a)) / f32(i32(b))));
  let rest = bitcast<i32>(a - q * b);
  return q + bitcast<u32>(i32(floor((f32(rest) + 0.5) / f32(i32(b)))));
}

fn quotients(a: vec2u, b: u32) -> vec2u { return vec2u(quotient(a.x, b), quotient(a.y, b)); }
