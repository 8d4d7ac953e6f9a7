/** Square RGB pictures as floats, and the few operations that rendering and forging need. */
import sharp from 'sharp';
import type { Rng } from '../../rng.js';

/** [size, size, 3], interleaved RGB, gamma-encoded, nominally 0..1; values outside are clipped when encoded. */
export interface Image {
  readonly size: number;
  readonly data: Float32Array;
}

export type Rgb = readonly [number, number, number];

export const blank = (size: number): Image => ({ size, data: new Float32Array(3 * size * size) });

export const fromBytes = (bytes: Uint8Array, size: number): Image => ({
  size,
  data: Float32Array.from(bytes, (v) => v / 255),
});

export const toBytes = (image: Image): Uint8Array =>
  Uint8Array.from(image.data, (v) => Math.round(255 * Math.min(1, Math.max(0, v))));

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
export function sharpen(image: Image, amount: number): Image {
  const soft = blur(image, 1).data;
  return { size: image.size, data: image.data.map((v, i) => v + amount * (v - soft[i]!)) };
}

/** Sensor noise: independent per pixel and channel, standard deviation `sigma`. */
export function addNoise(image: Image, sigma: number, rng: Rng): Image {
  return { size: image.size, data: image.data.map((v) => v + sigma * rng.normal()) };
}

/** c' = gain_c * c + bias_c for each channel c. */
export function recolour(image: Image, gain: Rgb, bias: Rgb): Image {
  return { size: image.size, data: image.data.map((v, i) => gain[i % 3]! * v + bias[i % 3]!) };
}

/** under + mask * (over - under), the mask being [size, size]. */
export function blend(under: Image, over: Image, mask: Float32Array): Image {
  const data = under.data.map((v, i) => v + mask[Math.floor(i / 3)]! * (over.data[i]! - v));
  return { size: under.size, data };
}
