/**
 * The forward and inverse 8x8 cosine transforms of libjpeg's "islow" method, bit for bit: Loeffler, Ligtenberg and Moschytz (1989),
 * 12 multiplications for each line of eight, in 13-bit fixed point. The first pass (rows forward, columns back) keeps 2 bits more.
 */

const C0_298 = 2446; // sqrt(2) * (-c1 + c3 + c5 - c7), times 8192; the others alike
const C0_390 = 3196;
const C0_541 = 4433;
const C0_765 = 6270;
const C0_899 = 7373;
const C1_175 = 9633;
const C1_501 = 12299;
const C1_847 = 15137;
const C1_961 = 16069;
const C2_053 = 16819;
const C2_562 = 20995;
const C3_072 = 25172;

const { imul } = Math;

/** In place, on 64 samples around 0; eight times too large. */
export function forwardDct(block: Int32Array): void {
  for (let i = 0; i < 64; i += 8) forwardLine(block, i, 1, 11, true);
  for (let i = 0; i < 8; i++) forwardLine(block, i, 8, 15, false);
}

/** Eight values from `at`, `step` apart. `shift` takes off the fixed point, and in the first pass adds 2 bits. */
function forwardLine(block: Int32Array, at: number, step: number, shift: number, isFirst: boolean): void {
  const i1 = at + step;
  const i2 = i1 + step;
  const i3 = i2 + step;
  const i4 = i3 + step;
  const i5 = i4 + step;
  const i6 = i5 + step;
  const i7 = i6 + step;
  const s0 = block[at]! + block[i7]!;
  const d0 = block[at]! - block[i7]!;
  const s1 = block[i1]! + block[i6]!;
  const d1 = block[i1]! - block[i6]!;
  const s2 = block[i2]! + block[i5]!;
  const d2 = block[i2]! - block[i5]!;
  const s3 = block[i3]! + block[i4]!;
  const d3 = block[i3]! - block[i4]!;
  const half = 1 << (shift - 1);

  const outer = s0 + s3;
  const inner = s1 + s2;
  block[at] = isFirst ? (outer + inner) << 2 : (outer + inner + 2) >> 2;
  block[i4] = isFirst ? (outer - inner) << 2 : (outer - inner + 2) >> 2;
  const even = imul(s0 - s3 + s1 - s2, C0_541) + half;
  block[i2] = (even + imul(s0 - s3, C0_765)) >> shift;
  block[i6] = (even - imul(s1 - s2, C1_847)) >> shift;

  const odd = imul(d3 + d1 + d2 + d0, C1_175) + half;
  const z1 = imul(d3 + d0, C0_899);
  const z2 = imul(d2 + d1, C2_562);
  const z3 = odd - imul(d3 + d1, C1_961);
  const z4 = odd - imul(d2 + d0, C0_390);
  block[i7] = (imul(d3, C0_298) - z1 + z3) >> shift;
  block[i5] = (imul(d2, C2_053) - z2 + z4) >> shift;
  block[i3] = (imul(d1, C3_072) - z2 + z3) >> shift;
  block[i1] = (imul(d0, C1_501) - z1 + z4) >> shift;
}

/** In place, from 64 coefficients to samples around 128, not yet clipped. */
export function inverseDct(block: Int32Array): void {
  for (let i = 0; i < 8; i++)
    if (isFlat(block, i)) {
      const value = block[i]! << 2;
      for (let k = i; k < 64; k += 8) block[k] = value;
    } else inverseLine(block, i, 8, 11, 0);
  for (let i = 0; i < 64; i += 8) inverseLine(block, i, 1, 18, 128);
}

/** Whether column i is a constant: after quantisation most are. */
const isFlat = (block: Int32Array, i: number): boolean =>
  (block[i + 8]! |
    block[i + 16]! |
    block[i + 24]! |
    block[i + 32]! |
    block[i + 40]! |
    block[i + 48]! |
    block[i + 56]!) ===
  0;

function inverseLine(block: Int32Array, at: number, step: number, shift: number, offset: number): void {
  const i1 = at + step;
  const i2 = i1 + step;
  const i3 = i2 + step;
  const i4 = i3 + step;
  const i5 = i4 + step;
  const i6 = i5 + step;
  const i7 = i6 + step;
  const c2 = block[i2]!;
  const c6 = block[i6]!;
  const even = imul(c2 + c6, C0_541);
  const e2 = even - imul(c6, C1_847);
  const e3 = even + imul(c2, C0_765);
  const rounding = (1 << (shift - 1)) + (offset << shift);
  const e0 = ((block[at]! + block[i4]!) << 13) + rounding;
  const e1 = ((block[at]! - block[i4]!) << 13) + rounding;

  const c1 = block[i1]!;
  const c3 = block[i3]!;
  const c5 = block[i5]!;
  const c7 = block[i7]!;
  const odd = imul(c7 + c3 + c5 + c1, C1_175);
  const z1 = imul(c7 + c1, C0_899);
  const z2 = imul(c5 + c3, C2_562);
  const z3 = odd - imul(c7 + c3, C1_961);
  const z4 = odd - imul(c5 + c1, C0_390);
  const o0 = imul(c7, C0_298) - z1 + z3;
  const o1 = imul(c5, C2_053) - z2 + z4;
  const o2 = imul(c3, C3_072) - z2 + z3;
  const o3 = imul(c1, C1_501) - z1 + z4;

  block[at] = (e0 + e3 + o3) >> shift;
  block[i7] = (e0 + e3 - o3) >> shift;
  block[i1] = (e1 + e2 + o2) >> shift;
  block[i6] = (e1 + e2 - o2) >> shift;
  block[i2] = (e1 - e2 + o1) >> shift;
  block[i5] = (e1 - e2 - o1) >> shift;
  block[i3] = (e0 - e3 + o0) >> shift;
  block[i4] = (e0 - e3 - o0) >> shift;
}
