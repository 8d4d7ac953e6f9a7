/** Square RGB pictures as floats, and the few operations that rendering and forging need. */
import sharp from 'sharp';
import type { Rng } from '../../rng.js';

/** [size, size, 3], interleaved RGB, gamma-encoded, nominally 0..1; values outside are clipped when encoded. */
export interface Image {
  readonly size: number;
  readonly data: Float32Array;
}

export type Rgb = readonly [number, number, number];

/**
 * How far out a point is: 1 on a curve between a circle (square = 0) and a square (1), Fernandez-Guasti's squircle. The curve has
 * branches outside of |x|, |y| <= 1; the maximum hides them.
 */
export const squircle = (x: number, y: number, square: number): number =>
  Math.max(Math.abs(x), Math.abs(y), Math.sqrt(Math.max(0, x * x + y * y - square * x * x * y * y)));

export const blank = (size: number): Image => ({ size, data: new Float32Array(3 * size * size) });

/** A picture whose sample i (of the interleaved 3 * size * size) is value(i). */
function build(size: number, value: (i: number) => number): Image {
  const image = blank(size);
  for (let i = 0; i < image.data.length; i++) image.data[i] = value(i);
  return image;
}

export const fromBytes = (bytes: Uint8Array, size: number): Image => build(size, (i) => bytes[i]! / 255);

/** Rounded and clipped to 0..255. */
export const toBytes = ({ size, data }: Image): Uint8ClampedArray =>
  new Uint8ClampedArray(build(size, (i) => 255 * data[i]!).data);

const encoder = (image: Image) =>
  sharp(toBytes(image), { raw: { width: image.size, height: image.size, channels: 3 } });

export const encodePng = (image: Image): Promise<Buffer> =>
  encoder(image).png({ compressionLevel: 6 }).toBuffer();

/** What is left of a picture after JPEG compression (4:2:0) at a quality of 1..100. */
export async function jpegRoundTrip(image: Image, quality: number): Promise<Image> {
  const jpeg = await encoder(image).jpeg({ quality, chromaSubsampling: '4:2:0' }).toBuffer();
  return fromBytes(await sharp(jpeg).raw().toBuffer(), image.size);
}

/** Gaussian blur, sigma in pixels, borders reflected. */
export function blur(image: Image, sigma: number): Image {
  if (sigma < 0.05) return image;
  const radius = Math.ceil(2.5 * sigma);
  const taps = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  const sum = taps.reduce((a, b) => a + b, 0);
  const kernel = taps.map((tap) => tap / sum);
  return blurAlong(blurAlong(image, kernel, 'x'), kernel, 'y');
}

function blurAlong({ size, data }: Image, kernel: readonly number[], axis: 'x' | 'y'): Image {
  const out = blank(size);
  const radius = (kernel.length - 1) / 2;
  const [along, across] = axis === 'x' ? [3, 3 * size] : [3 * size, 3];
  const reflect = (i: number) => (i < 0 ? -i : i >= size ? 2 * size - 2 - i : i);
  for (let i = 0; i < size; i++) {
    for (const [k, weight] of kernel.entries()) {
      const source = along * reflect(i + k - radius);
      for (let j = 0; j < size; j++) {
        for (let c = 0; c < 3; c++)
          out.data[along * i + across * j + c]! += weight * data[source + across * j + c]!;
      }
    }
  }
  return out;
}

/** image + amount * (image - blurred): what an enhancer or an upscaler leaves behind. */
export function sharpen({ size, data }: Image, amount: number): Image {
  const soft = blur({ size, data }, 1).data;
  return build(size, (i) => data[i]! + amount * (data[i]! - soft[i]!));
}

/**
 * Sensor noise: independent per pixel and channel, standard deviation `sigma`. The sum of a random word's four bytes is as good as
 * normal here (excess kurtosis -0.3) and comes five times faster.
 */
export function addNoise({ size, data }: Image, sigma: number, rng: Rng): Image {
  const [mean, deviation] = [510, Math.sqrt((4 * (256 * 256 - 1)) / 12)];
  return build(size, (i) => {
    const word = rng.u32();
    const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
    return data[i]! + (sigma * (sum - mean)) / deviation;
  });
}

/** Moves one colour from green (amount < 0) to magenta (amount > 0), its mean kept. */
export function tint(data: Float32Array, at: number, amount: number): void {
  data[at]! += 0.5 * amount;
  data[at + 1]! -= amount;
  data[at + 2]! += 0.5 * amount;
}

/** Each channel times its gain. */
export const recolour = ({ size, data }: Image, gain: Rgb): Image =>
  build(size, (i) => gain[i % 3]! * data[i]!);

/** under + mask * (over - under), the mask being [size, size]. */
export const blend = (under: Image, over: Image, mask: Float32Array): Image =>
  build(under.size, (i) => under.data[i]! + mask[Math.floor(i / 3)]! * (over.data[i]! - under.data[i]!));
