/** What a detector without locality can know of a picture: 64 numbers, each taken over the whole frame. */
import sharp from 'sharp';

const CHANNELS = ['red', 'green', 'blue'] as const;
const MOMENTS = ['mean', 'deviation', 'skewness', 'kurtosis'];
const ENERGIES = ['gradient x', 'gradient y', 'laplacian'];
/** Diagonals u + v of the 8x8 DCT; the last one takes what lies beyond. */
const BANDS = 12;
const PERCENTILES = [5, 25, 50, 75, 95];

export const GLOBAL_STATISTICS: readonly string[] = [
  ...CHANNELS.flatMap((channel) =>
    [...MOMENTS, ...ENERGIES, ...Array.from({ length: BANDS }, (_, i) => `DCT band ${i + 1}`)].map(
      (name) => `${channel}: ${name}`,
    ),
  ),
  ...PERCENTILES.map((p) => `grey: percentile ${p}`),
  'grey: blockiness',
  'file size',
];

/** The statistics of an image file, in that order; energies as logarithms. */
export async function globalStatistics(file: Uint8Array): Promise<number[]> {
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  const side = info.width;
  const planes = CHANNELS.map((_, c) =>
    Float64Array.from({ length: side * side }, (_, i) => data[3 * i + c]! / 255),
  );
  const grey = planes[0]!.map((v, i) => (v + planes[1]![i]! + planes[2]![i]!) / 3);
  const sorted = grey.toSorted();
  return [
    ...planes.flatMap((plane) => [
      ...moments(plane),
      ...derivativeEnergies(plane, side),
      ...dctBands(plane, side),
    ]),
    ...PERCENTILES.map((p) => sorted[Math.floor((p / 100) * (sorted.length - 1))]!),
    blockiness(grey, side),
    file.length,
  ];
}

const log = (energy: number) => Math.log(energy + 1e-9);

function moments(plane: Float64Array): number[] {
  let mean = 0;
  for (const v of plane) mean += v / plane.length;
  let [m2, m3, m4] = [0, 0, 0];
  for (const v of plane) {
    const d = v - mean;
    m2 += (d * d) / plane.length;
    m3 += (d * d * d) / plane.length;
    m4 += (d * d * d * d) / plane.length;
  }
  const deviation = Math.sqrt(m2) + 1e-9;
  return [mean, deviation, m3 / deviation ** 3, m4 / deviation ** 4];
}

function derivativeEnergies(plane: Float64Array, side: number): number[] {
  let [dx, dy, laplacian] = [0, 0, 0];
  for (let y = 1; y < side - 1; y++)
    for (let x = 1; x < side - 1; x++) {
      const at = y * side + x;
      const v = plane[at]!;
      dx += (plane[at + 1]! - v) ** 2;
      dy += (plane[at + side]! - v) ** 2;
      laplacian += (4 * v - plane[at - 1]! - plane[at + 1]! - plane[at - side]! - plane[at + side]!) ** 2;
    }
  const pixels = (side - 2) ** 2;
  return [log(dx / pixels), log(dy / pixels), log(laplacian / pixels)];
}

const COSINES = Array.from({ length: 8 }, (_, u) =>
  Array.from(
    { length: 8 },
    (_, x) => (u ? 0.5 : Math.SQRT1_2 / 2) * Math.cos((Math.PI * (2 * x + 1) * u) / 16),
  ),
);

/** Mean squared coefficient per band over all 8x8 blocks. */
function dctBands(plane: Float64Array, side: number): number[] {
  const energy = new Float64Array(BANDS + 1);
  const count = new Float64Array(BANDS + 1);
  const rows = new Float64Array(64);
  for (let top = 0; top < side; top += 8)
    for (let left = 0; left < side; left += 8) {
      for (let y = 0; y < 8; y++)
        for (let u = 0; u < 8; u++) {
          let sum = 0;
          for (let x = 0; x < 8; x++) sum += COSINES[u]![x]! * plane[(top + y) * side + left + x]!;
          rows[8 * y + u] = sum;
        }
      for (let v = 0; v < 8; v++)
        for (let u = 0; u < 8; u++) {
          let sum = 0;
          for (let y = 0; y < 8; y++) sum += COSINES[v]![y]! * rows[8 * y + u]!;
          const band = Math.min(u + v, BANDS);
          energy[band]! += sum * sum;
          count[band]! += 1;
        }
    }
  return Array.from({ length: BANDS }, (_, i) => log(energy[i + 1]! / count[i + 1]!));
}

/** Steps across the borders of 8-pixel columns against steps anywhere. */
function blockiness(grey: Float64Array, side: number): number {
  let [border, all, borders] = [0, 0, 0];
  for (let i = 0; i < grey.length; i++) {
    const x = i % side;
    if (x === side - 1) continue;
    const step = (grey[i + 1]! - grey[i]!) ** 2;
    all += step;
    if (x % 8 === 7) {
      border += step;
      borders++;
    }
  }
  return log(border / borders) - log(all / (side * (side - 1)));
}
