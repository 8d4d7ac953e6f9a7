/** Additive Gaussian noise (METHOD 5.2). */
import { Rng } from '../../rng.js';
import type { Image } from '../image.js';
import { operation } from './operation.js';

const QUANTILES = 65_536;

/**
 * The standard normal's quantiles at (k + 1/2) / 65536: 16 random bits pick a normal number, up to 4.3 standard deviations, which is
 * finer than what is left once a grey level has been truncated. The distribution function is summed up by the midpoint rule.
 */
const quantiles = once(() => {
  const table = new Float32Array(QUANTILES);
  const step = 1e-4;
  let below = 0.5;
  for (let k = QUANTILES / 2, x = 0; k < QUANTILES; k++) {
    const share = (k + 0.5) / QUANTILES;
    let mass = 0;
    for (; ; x += step) {
      mass = (step * Math.exp(-((x + step / 2) ** 2) / 2)) / Math.sqrt(2 * Math.PI);
      if (below + mass >= share) break;
      below += mass;
    }
    table[k] = x + (step * (share - below)) / mass;
    table[QUANTILES - 1 - k] = -table[k]!;
  }
  return table;
});

/**
 * Adds to every byte a number of its own from N(0, variance); clipped, then truncated.
 * @param seed key of the noise
 */
export function addNoise(image: Image, variance: number, seed: number): Image {
  const { data: source } = image;
  const normal = quantiles();
  const deviation = Math.sqrt(variance);
  const rng = new Rng(seed, 'noise');
  const data = new Uint8Array(source.length);
  for (let i = 0, bits = 0; i < data.length; i++) {
    bits = i % 2 === 0 ? rng.u32() : bits >>> 16;
    const value = source[i]! + deviation * normal[bits & 0xffff]!;
    data[i] = value < 0 ? 0 : value > 255 ? 255 : value;
  }
  return { ...image, data };
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

export const gaussianNoise = operation({
  name: 'gaussian_noise',
  fields: { variance: { standard: [10, 50], limits: [0, 65_025] } },
  draw: (rng, { variance }) => ({ variance: rng.range(...variance), seed: rng.u32() }),
  apply: (image, { variance, seed }) => addNoise(image, variance, seed),
});
