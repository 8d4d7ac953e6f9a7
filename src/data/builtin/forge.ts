/**
 * Face forgery by blending: a region of a donor's face, with a history of its own (colour, sharpness, noise, JPEG), is put onto a
 * target face in the same pose. Works on any aligned pair, rendered or photographed. A whole picture with either history is as
 * plausible as the other, so that only the disagreement inside one picture gives a forgery away.
 */
import type { Rng } from '../../rng.js';
import { addNoise, blend, blur, type Image, jpegRoundTrip, type Rgb, recolour, sharpen } from './image.js';
import type { Landmarks } from './render.js';

/** What a picture went through before it reached us. */
export interface History {
  readonly gain: Rgb;
  readonly bias: Rgb;
  /** Gaussian sigma in pixels if positive; if negative, the amount of sharpening. */
  readonly softness: number;
  /** Standard deviation of the sensor noise. */
  readonly noise: number;
  /** JPEG quality; 100 means never compressed. */
  readonly quality: number;
}

/** How a clip is forged: the same for all its frames. */
export interface Forgery {
  readonly region: Region;
  readonly target: History;
  readonly donor: History;
}

/** A superellipse in the frame of the face: origin between eyes and mouth, y from the eyes to the mouth, which are 1 apart. */
interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly power: number;
  /** Width of the blending ramp, in the same unit. */
  readonly feather: number;
}

const REGIONS = {
  inner: { x: 0, y: 0.05, width: 0.95, height: 1.05 },
  mouth: { x: 0, y: 0.5, width: 0.7, height: 0.48 },
  eyes: { x: 0, y: -0.52, width: 1.05, height: 0.45 },
  leftHalf: { x: -0.5, y: 0, width: 0.5, height: 1.05 },
  rightHalf: { x: 0.5, y: 0, width: 0.5, height: 1.05 },
} as const;

const drawHistory = (rng: Rng): History => {
  const light = rng.range(0.8, 1.15);
  const gain = () => light + rng.range(-0.08, 0.08);
  const bias = () => rng.range(-0.05, 0.05);
  return {
    gain: [gain(), gain(), gain()],
    bias: [bias(), bias(), bias()],
    softness: rng.range(-0.8, 1),
    noise: 0.05 * rng.uniform() ** 2,
    quality: rng.uniform() < 0.5 ? 100 : 30 + rng.below(60),
  };
};

/** How far two histories are apart, in steps of what is easily seen. */
function mismatch(a: History, b: History): number {
  const grey = 0.55;
  const shift = (c: 0 | 1 | 2) => (a.gain[c] - b.gain[c]) * grey + a.bias[c] - b.bias[c];
  return Math.hypot(shift(0), shift(1), shift(2)) / 0.15;
}

/**
 * Two histories that disagree visibly. Either is drawn from the same distribution (the pair is exchangeable), so whole pictures with
 * the first of a pair are the fair counterpart of forgeries made with both.
 */
export function drawHistories(rng: Rng): [History, History] {
  for (;;) {
    const pair: [History, History] = [drawHistory(rng), drawHistory(rng)];
    if (mismatch(...pair) >= 1) return pair;
  }
}

export function drawForgery(rng: Rng): Forgery {
  const kinds = Object.values(REGIONS);
  const { x, y, width, height } = kinds[rng.below(kinds.length)]!;
  const jitter = () => rng.range(-0.08, 0.08);
  const region = {
    x: x + jitter(),
    y: y + jitter(),
    width: width + jitter(),
    height: height + jitter(),
    power: rng.range(2, 5),
    feather: rng.range(0.05, 0.15),
  };
  const [target, donor] = drawHistories(rng);
  return { region, target, donor };
}

/** The picture after its history: colour first, sensor noise before compression. */
export async function withHistory(image: Image, history: History, rng: Rng): Promise<Image> {
  const { gain, bias, softness, noise, quality } = history;
  const coloured = recolour(image, gain, bias);
  const focused = softness > 0 ? blur(coloured, softness) : sharpen(coloured, -softness);
  const noisy = addNoise(focused, noise, rng);
  return quality < 100 ? jpegRoundTrip(noisy, quality) : noisy;
}

/**
 * One forged frame, the target's size: inside the region the donor (its mean colour there matched to the target's, then its own
 * history), outside the target. `face` holds the target's landmarks in pixels; the donor's must be at about the same places.
 */
export async function forge(
  target: Image,
  donor: Image,
  face: Landmarks,
  forgery: Forgery,
  rng: Rng,
): Promise<Image> {
  const mask = regionMask(forgery.region, face, target.size);
  const wanted = meanColour(target, mask);
  const found = meanColour(donor, mask);
  const gain = (c: 0 | 1 | 2) => wanted[c] / Math.max(0.02, found[c]);
  const matched = recolour(donor, [gain(0), gain(1), gain(2)], [0, 0, 0]);
  const under = await withHistory(target, forgery.target, rng);
  return blend(under, await withHistory(matched, forgery.donor, rng), mask);
}

/** [size, size], 1 inside the region, 0 outside, a linear ramp of the feather's width between. */
function regionMask(region: Region, face: Landmarks, size: number): Float32Array {
  const [ex, ey] = [0, 1].map((i) => (face.leftEye[i]! + face.rightEye[i]!) / 2) as [number, number];
  const [dx, dy] = [face.mouth[0] - ex, face.mouth[1] - ey];
  const squared = dx * dx + dy * dy;
  const mask = new Float32Array(size * size);
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++, at++) {
      const px = column + 0.5 - ex - dx / 2;
      const py = row + 0.5 - ey - dy / 2;
      const x = (px * dy - py * dx) / squared - region.x;
      const y = (px * dx + py * dy) / squared - region.y;
      const reach = Math.abs(x / region.width) ** region.power + Math.abs(y / region.height) ** region.power;
      const distance = (reach ** (1 / region.power) - 1) * Math.min(region.width, region.height);
      mask[at] = Math.min(1, Math.max(0, 0.5 - distance / region.feather));
    }
  }
  return mask;
}

function meanColour(image: Image, mask: Float32Array): Rgb {
  const sums: [number, number, number] = [0, 0, 0];
  let area = 1e-6;
  for (const [i, weight] of mask.entries()) {
    area += weight;
    for (let c = 0 as 0 | 1 | 2; c < 3; c++) sums[c] += weight * image.data[3 * i + c]!;
  }
  return [sums[0] / area, sums[1] / area, sums[2] / area];
}
