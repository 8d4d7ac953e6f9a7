/** To gray (METHOD 5.7). */
import type { Image } from '../image.js';
import { operation } from './operation.js';

/** Luma by Rec. 601 in 15-bit fixed point, in all three channels. Channel 0 has the weight of red, whatever it holds: the reference's way. */
export function toGray(image: Image): Image {
  const { data: source } = image;
  const data = new Uint8Array(source.length);
  for (let i = 0; i < data.length; i += 3) {
    const gray = (9798 * source[i]! + 19235 * source[i + 1]! + 3735 * source[i + 2]! + 16384) >> 15;
    data[i] = gray;
    data[i + 1] = gray;
    data[i + 2] = gray;
  }
  return { ...image, data };
}

export const gray = operation({
  name: 'to_gray',
  fields: {},
  draw: () => ({}),
  apply: toGray,
});
