/** Linear change of all bytes (METHOD 5.6). */
import type { Image } from '../image.js';
import { byteTable, lookUp, operation } from './operation.js';

/** Byte i becomes alpha * i + 255 * beta in float32, clipped, truncated. */
export function brightnessContrast(image: Image, alpha: number, beta: number): Image {
  const { fround } = Math;
  const factor = fround(alpha);
  const offset = fround(255 * beta);
  return lookUp(
    image,
    byteTable((i) => fround(fround(i * factor) + offset)),
  );
}

export const brightnessAndContrast = operation({
  name: 'brightness_contrast',
  fields: {
    contrast: { standard: [-0.2, 0.2], limits: [-1, 10] },
    brightness: { standard: [-0.2, 0.2], limits: [-1, 1] },
  },
  draw: (rng, { contrast, brightness }) => ({
    alpha: 1 + rng.range(...contrast),
    beta: rng.range(...brightness),
  }),
  apply: (image, { alpha, beta }) => brightnessContrast(image, alpha, beta),
});
