/** Image files to pictures, as OpenCV's `imread` sees them. */
import { readFileSync } from 'node:fs';
import { messageOf } from '../errors.js';
import { type ChannelOrder, type Image, swapRedAndBlue } from './image.js';
import { decodePlainPng } from './png.js';
import { resize } from './resize.js';

/** A crop of a face is far below it; a forged header would make the decoder allocate gigabytes. */
const MAX_MEGAPIXELS = 64;

const PNG = [0x89, 0x50, 0x4e, 0x47];
const JPEG = [0xff, 0xd8, 0xff];
const startsWith = (bytes: Uint8Array, magic: readonly number[]) => magic.every((b, i) => bytes[i] === b);

/**
 * A PNG or JPEG, told apart by content, as R,G,B. As imread does by default: gray is repeated, alpha is dropped without blending,
 * 16 bits keep the upper 8, EXIF orientation is applied, colour profiles are ignored.
 * @throws Error whose message is the cause, also for files that are cut off or damaged anywhere
 */
export async function decode(bytes: Uint8Array): Promise<Image> {
  if (bytes.length === 0) throw new Error('the file is empty');
  if (!startsWith(bytes, PNG) && !startsWith(bytes, JPEG)) throw new Error('neither a PNG nor a JPEG');
  const plain = startsWith(bytes, PNG) && decodePlainPng(bytes, MAX_MEGAPIXELS * 1e6);
  if (plain) return plain;
  try {
    const sharp = await imageLibrary();
    const { data, info } = await sharp(bytes, {
      autoOrient: true,
      ignoreIcc: true,
      failOn: 'warning',
      limitInputPixels: MAX_MEGAPIXELS * 1e6,
    })
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } catch (error) {
    const cause = messageOf(error).split('\n')[0]!;
    throw new Error(cause.includes('pixel limit') ? `more than ${MAX_MEGAPIXELS} megapixels` : cause);
  }
}

/**
 * Loaded for the first file that needs it: threads that see plain PNGs only start in a tenth of the time. One picture is one thread's
 * work, the pool is what runs in parallel; and every picture is read once, so nothing is worth caching.
 */
async function imageLibrary() {
  const { default: sharp } = await import('sharp');
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}

export interface LoadOptions {
  /** Side in pixels; the picture is stretched to it, as the reference does. */
  readonly size: number;
  readonly channelOrder: ChannelOrder;
}

/**
 * Reads, decodes and resizes: [size, size, 3] in the channel order asked for. It waits for the file: a decoding thread has nothing else
 * to do, and the way through the I/O threads takes longer than the read.
 */
export async function loadImage(file: string, { size, channelOrder }: LoadOptions): Promise<Image> {
  const image = resize(await decode(readFileSync(file)), size, size);
  return channelOrder === 'bgr' ? swapRedAndBlue(image) : image;
}
