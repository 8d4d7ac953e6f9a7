/** JPEG compression: 4:2:0, baseline, as `cv2.imencode` writes it (METHOD 5.1). */
import sharp from 'sharp';
import { type ChannelOrder, type Image, swapRedAndBlue } from '../image.js';
import { operation } from './operation.js';

/**
 * The picture as it comes back from a JPEG. Unlike `toGray` and HSV, the encoder knows which channel is red: luma and chroma depend
 * on it.
 * @param quality 1 to 100
 */
export async function compress(image: Image, quality: number, order: ChannelOrder): Promise<Image> {
  const { width, height } = image;
  const rgb = order === 'bgr' ? swapRedAndBlue({ ...image, data: image.data.slice() }) : image;
  // Optimised Huffman tables cost time and change no pixel. From quality 90 on, the subsampling must be asked for.
  const jpeg = await sharp(rgb.data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: '4:2:0', optimiseCoding: false })
    .toBuffer();
  const data = new Uint8Array(await sharp(jpeg).raw().toBuffer());
  const decoded = { width, height, data };
  return order === 'bgr' ? swapRedAndBlue(decoded) : decoded;
}

export const imageCompression = operation({
  name: 'image_compression',
  fields: { quality: { standard: [60, 100], limits: [1, 100], whole: true } },
  draw: (rng, { quality: [low, high] }) => ({ quality: low + rng.below(high - low + 1) }),
  apply: (image, { quality }, order) => compress(image, quality, order),
});
