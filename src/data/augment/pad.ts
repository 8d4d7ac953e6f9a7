/** Padding with black (METHOD 5.5). After the resize there is nothing to pad, so it is no step of an augmentation; `verify` checks it. */
import type { Image } from '../image.js';

/** @returns a picture of at least that size with the given one in its middle, half a pixel up and left where it must be */
export function padIfNeeded(image: Image, minHeight: number, minWidth: number): Image {
  const height = Math.max(image.height, minHeight);
  const width = Math.max(image.width, minWidth);
  const top = (height - image.height) >> 1;
  const left = (width - image.width) >> 1;
  const data = new Uint8Array(3 * height * width);
  const stride = 3 * image.width;
  for (let y = 0; y < image.height; y++)
    data.set(image.data.subarray(y * stride, (y + 1) * stride), 3 * ((top + y) * width + left));
  return { width, height, data };
}
