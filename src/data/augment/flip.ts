/** Left becomes right (METHOD 5.4). */
import type { Image } from '../image.js';
import { operation } from './operation.js';

export function flip(image: Image): Image {
  const { width, height, data: source } = image;
  const data = new Uint8Array(source.length);
  for (let y = 0, from = 0; y < height; y++)
    for (let x = width - 1; x >= 0; x--, from += 3) {
      const to = 3 * (y * width + x);
      data[to] = source[from]!;
      data[to + 1] = source[from + 1]!;
      data[to + 2] = source[from + 2]!;
    }
  return { ...image, data };
}

export const horizontalFlip = operation({
  name: 'horizontal_flip',
  fields: {},
  draw: () => ({}),
  apply: flip,
});
