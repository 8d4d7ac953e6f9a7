// a / b, rounded down, for b below 2^22. CPU adapters divide floats eight at once, integers one by one. The first quotient is off by
// 2^-22 of itself; what it leaves over tells by how much.
fn quotient(a: u32, b: u32) -> u32 {
  let q = u32(f32(a) / f32(b));
  let rest = bitcast<i32>(a - q * b);
  return q + bitcast<u32>(i32(floor(f32(rest) / f32(b))));
}

fn quotients(a: vec2u, b: u32) -> vec2u { return vec2u(quotient(a.x, b), quotient(a.y, b)); }
