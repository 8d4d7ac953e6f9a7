/**
 * Face forgery by blending: a region of a donor's face, with a history of its own (colour, sharpness, noise, JPEG), is put onto a
 * target face in the same pose. Works on any aligned pair, rendered or photographed. A whole picture with either history is as
 * plausible as the other, so that only the disagreement inside one picture gives a forgery away.
 */
import type { Rng } from '../../rng.js';
import {
  addNoise,
  blend,
  blur,
  type Image,
  jpegRoundTrip,
  type Rgb,
  recolour,
  sharpen,
  squircle,
  tint,
} from './image.js';
import type { Landmarks } from './render.js';

/** What a picture went through before it reached us. */
export interface History {
  /** White balance and exposure. */
  readonly gain: Rgb;
  /** The other axis of white balance: from green (negative) to magenta. */
  readonly tint: number;
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

/** A squircle in the frame of the face: origin between eyes and mouth, y from the eyes to the mouth, which are 1 apart. */
interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly square: number;
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
  const exposure = rng.range(0.9, 1.08);
  const warmth = rng.range(-0.05, 0.05);
  return {
    gain: [exposure * (1 + warmth), exposure, exposure * (1 - warmth)],
    tint: rng.range(-TINT, TINT),
    softness: rng.range(-0.4, 0.5),
    noise: 0.004 + 0.02 * rng.uniform() ** 2,
    quality: rng.uniform() < 0.65 ? 100 : 30 + rng.below(60),
  };
};

/** Range of the tint, and how far apart the tints of a forgery's two parts are at least: what an attentive eye sees at once. */
const TINT = 0.09;
const MISMATCH = 0.09;

/**
 * Two histories that disagree visibly in colour, and by chance in sharpness, noise and compression. Either is drawn from the same
 * distribution (the pair is exchangeable), so a whole picture with the first of a pair is the fair counterpart of a forgery made
 * with both.
 */
export function drawHistories(rng: Rng): [History, History] {
  for (;;) {
    const [a, b] = [drawHistory(rng), drawHistory(rng)];
    if (Math.abs(a.tint - b.tint) >= MISMATCH) return [a, b];
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
    square: rng.uniform(),
    feather: rng.range(0.05, 0.15),
  };
  const [target, donor] = drawHistories(rng);
  return { region, target, donor };
}

/** The picture after its history: colour first, sensor noise before compression. */
export async function withHistory(image: Image, history: History, rng: Rng): Promise<Image> {
  const { softness, noise, quality } = history;
  const coloured = recolour(image, history.gain);
  for (let i = 0; i < coloured.data.length; i += 3) tint(coloured.data, i, history.tint);
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
  const matched = recolour(donor, [gain(0), gain(1), gain(2)]);
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
      const reach = squircle(x / region.width, y / region.height, region.square);
      const distance = (reach - 1) * Math.min(region.width, region.height);
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
