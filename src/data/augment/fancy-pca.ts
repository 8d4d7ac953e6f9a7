/** Fancy PCA: a shift along the principal components of a picture's colours (Krizhevsky et al. 2012, section 4.1; METHOD 5.6). */
import type { Image } from '../image.js';
import { byteTable, operation } from './operation.js';

type Triple = readonly [number, number, number];

/**
 * What each channel gets, in grey levels, for alpha = 1: channel c gets 255 * (v_c . w), w the eigenvalues in descending order, v_c the
 * c-th eigenvector. (The paper has the c-th component of each eigenvector here; the reference multiplies by the transpose.) The sign
 * of an eigenvector is a convention: here its largest component is positive.
 */
export function pcaShift(image: Image): Triple {
  const { values, vectors } = eigen(covariance(image));
  return vectors.map((v) => 255 * (v[0] * values[0] + v[1] * values[1] + v[2] * values[2])) as [
    number,
    number,
    number,
  ];
}

/** Adds a number to each channel; clipped, then truncated. */
export function addToChannels(image: Image, shift: Triple): Image {
  const { data: source } = image;
  const [first, second, third] = shift.map((by) => byteTable((byte) => byte + by)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const data = new Uint8Array(source.length);
  for (let i = 0; i < data.length; i += 3) {
    data[i] = first[source[i]!]!;
    data[i + 1] = second[source[i + 1]!]!;
    data[i + 2] = third[source[i + 2]!]!;
  }
  return { ...image, data };
}

export function fancyPca(image: Image, alpha: number): Image {
  const [a, b, c] = pcaShift(image);
  return addToChannels(image, [alpha * a, alpha * b, alpha * c]);
}

/** Of the three channels over all pixels, in units of 1/255, unbiased. The sums are whole numbers, so exact. */
function covariance({ data }: Image): Matrix {
  const n = data.length / 3;
  let [s0, s1, s2, s00, s01, s02, s11, s12, s22] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < data.length; i += 3) {
    const a = data[i]!;
    const b = data[i + 1]!;
    const c = data[i + 2]!;
    s0 += a;
    s1 += b;
    s2 += c;
    s00 += a * a;
    s01 += a * b;
    s02 += a * c;
    s11 += b * b;
    s12 += b * c;
    s22 += c * c;
  }
  const of = (products: number, x: number, y: number): number =>
    n > 1 ? (products - (x * y) / n) / (n - 1) / 255 ** 2 : 0;
  const [c01, c02, c12] = [of(s01, s0, s1), of(s02, s0, s2), of(s12, s1, s2)];
  return [
    [of(s00, s0, s0), c01, c02],
    [c01, of(s11, s1, s1), c12],
    [c02, c12, of(s22, s2, s2)],
  ];
}

type Row = [number, number, number];
type Matrix = [Row, Row, Row];

/** Of a symmetric matrix, by Jacobi's rotations (Golub and Van Loan, section 8.5). @returns `values` in descending order */
function eigen(a: Matrix): { values: Triple; vectors: readonly Triple[] } {
  // Row k of `basis` becomes the eigenvector of a[k][k].
  const basis: Matrix = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  const size = Math.abs(a[0][0]) + Math.abs(a[1][1]) + Math.abs(a[2][2]);
  for (let sweep = 0; sweep < 30; sweep++) {
    if (Math.abs(a[0][1]) + Math.abs(a[0][2]) + Math.abs(a[1][2]) <= 1e-18 * size) break;
    for (const [p, q] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const)
      rotate(a, basis, p, q);
  }
  const order = ([0, 1, 2] as const).toSorted((p, q) => a[q][q] - a[p][p]);
  return {
    values: order.map((k) => a[k][k]) as Row,
    vectors: order.map((k) => {
      const v = basis[k];
      const largest = v.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most));
      return v.map((x) => (largest < 0 ? -x : x)) as Row;
    }),
  };
}

/** Makes a[p][q] zero. */
function rotate(a: Matrix, basis: Matrix, p: 0 | 1, q: 1 | 2): void {
  if (a[p][q] === 0) return;
  const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (const m of [a, basis])
    for (let k = 0; k < 3; k++) {
      const [x, y] = [m[p][k]!, m[q][k]!];
      m[p][k] = c * x - s * y;
      m[q][k] = s * x + c * y;
    }
  for (const row of a) {
    const [x, y] = [row[p], row[q]];
    row[p] = c * x - s * y;
    row[q] = s * x + c * y;
  }
}

export const fancyPcaShift = operation({
  name: 'fancy_pca',
  fields: { standard_deviation: { standard: 0.1, limits: [0, 10] } },
  draw: (rng, { standard_deviation }) => ({ alpha: standard_deviation * rng.normal() }),
  apply: (image, { alpha }) => fancyPca(image, alpha),
});
