// Where quad i of a tensor lies in the texture that stages it: 1024 texels a row (src/engine/staging.ts).
fn texel(i: u32) -> vec2u { return vec2u(i & 1023u, i >> 10u); }
