// y[g, t, c, o] = element (o, c, t) of stream g, as src/rng.ts draws it: uniform in [-scale, scale), or normal with that deviation
// (Box and Muller 1958). Streams run in PyTorch's order of the elements, ours lie in y's.
#include "lib/grid"
#include "lib/quotient"
#include "lib/random"

#if QUADS
alias Value = vec4f;
const PER_THREAD = 4u;
#else
alias Value = f32;
const PER_THREAD = 1u;
#endif

struct Params { size: u32, taps: u32, ci: u32, columns: u32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<Value>;

const PI = 3.14159265358979;

// 53 random bits of a number in [0, 1): 27, and 26 that are worth 2^-27 of them.
fn bitsAt(key: u32, counter: u32) -> vec2u { return vec2u(draw(key, counter) >> 5u, draw(key, counter + 1u) >> 6u); }

// By way of signed integers, as lib/quotient converts.
fn uniformOf(bits: vec2u) -> f32 { return f32(i32(bits.x)) * 0x1p-27 + f32(i32(bits.y)) * 0x1p-53; }

// -log(1 - u), u that number: to a few units in the last place at either end.
fn exponentialOf(bits: vec2u) -> f32 {
  let u = uniformOf(bits);
  let series = u * (1.0 + u * (1.0 / 2.0 + u * (1.0 / 3.0 + u * (1.0 / 4.0 + u * (1.0 / 5.0 + u / 6.0)))));
  return select(-log(f32(i32((1u << 27u) - bits.x)) * 0x1p-27 - f32(i32(bits.y)) * 0x1p-53), series, u < 0.0625);
}

// cos(2 pi v): WGSL's cos may be off by 5e-4. A quarter turn has the Taylor series of cosine or sine.
fn cosineOfTurns(v: f32) -> f32 {
  let quarter = floor(4.0 * v + 0.5);
  let r = (v - 0.25 * quarter) * (2.0 * PI);
  let rr = r * r;
  let cosine = 1.0 - rr * (1.0 / 2.0 - rr * (1.0 / 24.0 - rr * (1.0 / 720.0 - rr / 40320.0)));
  let sine = r * (1.0 - rr * (1.0 / 6.0 - rr * (1.0 / 120.0 - rr * (1.0 / 5040.0 - rr / 362880.0))));
  let q = u32(quarter) % 4u;
  return select(cosine, sine, q % 2u == 1u) * select(1.0, -1.0, q == 1u || q == 2u);
}

fn valueAt(key: u32, element: u32) -> f32 {
#if UNIFORM
  return 2.0 * uniformOf(bitsAt(key, 2u * element)) - 1.0;
#else
  let turns = uniformOf(bitsAt(key, 4u * element + 2u));
  return sqrt(2.0 * exponentialOf(bitsAt(key, 4u * element))) * cosineOfTurns(turns);
#endif
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let i = flat(workgroup, grid) * 256u + lane;
  if (i >= p.size) { return; }
  let row = quotient(i, p.columns);
  let place = quotient(row, p.ci);
  let g = quotient(place, p.taps);
  let step = p.ci * p.taps; // between elements of neighbouring columns
  let first = (i - row * p.columns) * PER_THREAD * step + (row - place * p.ci) * p.taps + place - g * p.taps;
  let key = keys[g];
#if QUADS
  y[i] = vec4f(valueAt(key, first), valueAt(key, first + step), valueAt(key, first + 2u * step), valueAt(key, first + 3u * step)) * p.scale;
#else
  y[i] = valueAt(key, first) * p.scale;
#endif
}
