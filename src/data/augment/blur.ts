/** OpenCV's 3x3 `GaussianBlur` on 8-bit pictures, byte for byte (METHOD 5.3). */
import type { Image } from '../image.js';
import { operation } from './operation.js';

/** [1,2,1]/4 each way; beyond the border comes what lies before it (d c b | a b c d | c b a: reflect-101). */
export function blur(image: Image): Image {
  const { width, height, data: source } = image;
  const stride = 3 * width;
  const data = new Uint8Array(source.length);
  const row = new Int32Array(stride);
  for (let y = 0; y < height; y++) {
    const here = y * stride;
    const above = reflected(y - 1, height) * stride;
    const below = reflected(y + 1, height) * stride;
    for (let x = 0; x < stride; x++) row[x] = source[above + x]! + 2 * source[here + x]! + source[below + x]!;
    const first = 3 * reflected(-1, width);
    const last = 3 * reflected(width, width);
    for (let x = 0; x < stride; x++) {
      const left = x < 3 ? first + x : x - 3;
      const right = x < stride - 3 ? x + 3 : last + x - (stride - 3);
      data[here + x] = (row[left]! + 2 * row[x]! + row[right]! + 8) >> 4;
    }
  }
  return { ...image, data };
}

function reflected(i: number, n: number): number {
  if (n === 1) return 0;
  return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i;
}

export const gaussianBlur = operation({
  name: 'gaussian_blur',
  fields: {},
  draw: () => ({}),
  apply: blur,
});
