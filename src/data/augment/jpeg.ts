/**
 * JPEG compression: baseline, 4:2:0, as libjpeg writes and reads it (METHOD 5.1; ITU T.81). What it does to pixels is done here,
 * without the Huffman coding, which is lossless: so it takes half the time of the image library's way through two files, and none of
 * the process's few I/O threads.
 */
import type { ChannelOrder, Image } from '../image.js';
import { forwardDct, inverseDct } from './dct.js';
import { operation } from './operation.js';

const { imul } = Math;

/** Annex K.1 and K.2, rows from the top. */
const LUMA = [
  [16, 11, 10, 16, 24, 40, 51, 61],
  [12, 12, 14, 19, 26, 58, 60, 55],
  [14, 13, 16, 24, 40, 57, 69, 56],
  [14, 17, 22, 29, 51, 87, 80, 62],
  [18, 22, 37, 56, 68, 109, 103, 77],
  [24, 35, 55, 64, 81, 104, 113, 92],
  [49, 64, 78, 87, 103, 121, 120, 101],
  [72, 92, 95, 98, 112, 100, 103, 99],
].flat();
const CHROMA = [
  [17, 18, 24, 47],
  [18, 21, 26, 66],
  [24, 26, 56, 99],
  [47, 66, 99, 99],
];
const chroma = Array.from({ length: 64 }, (_, i) => CHROMA[i >> 3]?.[i & 7] ?? 99);

/** @param quality 1 to 100 */
function quantisers(table: readonly number[], quality: number): Int32Array {
  const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  return Int32Array.from(table, (q) => Math.min(Math.max(Math.floor((q * scale + 50) / 100), 1), 255));
}

/** Samples of one component; whole blocks of 8x8, the last row and column repeated. */
interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/**
 * The picture as it comes back from a JPEG. Unlike gray and HSV, the encoder knows which channel is red: luma and chroma depend on it.
 * @param quality 1 to 100
 */
export function compress(image: Image, quality: number, order: ChannelOrder): Image {
  const red = order === 'bgr' ? 2 : 0;
  const [luma, ...full] = planes(image);
  toYcc(image, red, luma, full);
  const [blueness, redness] = full.map((component) => halved(component, image.height)) as [Plane, Plane];
  quantise(luma, quantisers(LUMA, quality));
  for (const component of [blueness, redness]) quantise(component, quantisers(chroma, quality));
  return fromYcc(image, red, luma, blueness, redness);
}

/** Scratch of the last call: pictures of a batch have one size, and clearing the planes anew would cost as much as a pass over them. */
let scratch: [Plane, Plane, Plane] | undefined;

/** Three of at least the picture's size, in whole blocks of 16x16. */
function planes(image: Image): [Plane, Plane, Plane] {
  const whole = (side: number): number => (side + 15) & ~15;
  const [width, height] = [whole(image.width), whole(image.height)];
  const plane = (): Plane => ({ width, height, data: new Uint8ClampedArray(width * height) });
  if (scratch?.[0].width !== width || scratch[0].height !== height) scratch = [plane(), plane(), plane()];
  return scratch;
}

/** Rec. 601 in 16-bit fixed point, as JFIF has it. */
function toYcc(image: Image, red: number, luma: Plane, [blueness, redness]: readonly [Plane, Plane]): void {
  const { width, height, data } = image;
  const [y, cb, cr] = [luma.data, blueness.data, redness.data];
  const centre = (128 << 16) + 32767;
  for (let row = 0, from = 0; row < height; row++) {
    const start = row * luma.width;
    for (let to = start; to < start + width; to++, from += 3) {
      const r = data[from + red]!;
      const g = data[from + 1]!;
      const b = data[from + 2 - red]!;
      y[to] = (imul(19595, r) + imul(38470, g) + imul(7471, b) + 32768) >> 16;
      cb[to] = (imul(32768, b) - imul(11059, r) - imul(21709, g) + centre) >> 16;
      cr[to] = (imul(32768, r) - imul(27439, g) - imul(5329, b) + centre) >> 16;
    }
    for (const component of [y, cb, cr])
      component.fill(component[start + width - 1]!, start + width, start + luma.width);
  }
  for (const component of [y, cb, cr])
    for (let row = height; row < luma.height; row++)
      component.copyWithin(row * luma.width, (height - 1) * luma.width, height * luma.width);
}

/**
 * Means of 2x2; halves are rounded down and up in turn. Below the picture's last row this one is repeated, not its source rows: there
 * the encoder pads after the halving.
 */
function halved({ width, height, data: source }: Plane, pictureHeight: number): Plane {
  const half = { width: width / 2, height: height / 2, data: new Uint8ClampedArray(source.length / 4) };
  const rows = (pictureHeight + 1) >> 1;
  for (let y = 0, to = 0; y < rows; y++)
    for (let x = 0, from = 2 * y * width; x < half.width; x++, from += 2)
      half.data[to++] =
        (source[from]! +
          source[from + 1]! +
          source[from + width]! +
          source[from + width + 1]! +
          1 +
          (x & 1)) >>
        2;
  for (let y = rows; y < half.height; y++)
    half.data.copyWithin(y * half.width, (rows - 1) * half.width, rows * half.width);
  return half;
}

const block = new Int32Array(64);

/** What is left of each block's frequencies in steps of its quantisers. */
function quantise({ width, height, data }: Plane, steps: Int32Array): void {
  // The transform is 8 times too large. Sizes are below 2^11 after the division by 8, steps below 2^8: so floor(x / step) is exactly
  // x * ceil(2^19 / step) >> 19.
  const reciprocals = Int32Array.from(steps, (step) => Math.ceil(2 ** 19 / step));
  for (let top = 0; top < height; top += 8)
    for (let left = 0; left < width; left += 8) {
      const start = top * width + left;
      for (let i = 0, from = start; i < 64; i += 8, from += width)
        for (let k = 0; k < 8; k++) block[i + k] = data[from + k]! - 128;
      forwardDct(block);
      let frequencies = 0;
      for (let i = 0; i < 64; i++) {
        const value = block[i]!;
        const step = steps[i]!;
        const sign = value >> 31; // 0 or -1: (x ^ sign) - sign is x with that sign
        const size = (value ^ sign) - sign;
        const kept = imul(imul((size + 4 * step) >> 3, reciprocals[i]!) >> 19, step);
        block[i] = (kept ^ sign) - sign;
        if (i > 0) frequencies |= kept;
      }
      if (frequencies === 0) {
        const mean = ((block[0]! + 4) >> 3) + 128;
        for (let y = 0, to = start; y < 8; y++, to += width) data.fill(mean, to, to + 8);
        continue;
      }
      inverseDct(block);
      for (let i = 0, to = start; i < 64; i += 8, to += width)
        for (let k = 0; k < 8; k++) data[to + k] = block[i + k]!;
    }
}

/** Back, with chroma at its full size again. */
function fromYcc(image: Image, red: number, luma: Plane, blueness: Plane, redness: Plane): Image {
  const { width, height } = image;
  const data = new Uint8ClampedArray(3 * width * height);
  const cb = new Uint8Array(width + 1);
  const cr = new Uint8Array(width + 1);
  for (let y = 0, to = 0; y < height; y++) {
    enlargedRow(blueness, y, width, height, cb);
    enlargedRow(redness, y, width, height, cr);
    for (let x = 0, from = y * luma.width; x < width; x++, from++, to += 3) {
      const bright = luma.data[from]!;
      const b = cb[x]! - 128;
      const r = cr[x]! - 128;
      data[to + red] = bright + ((imul(91881, r) + 32768) >> 16);
      data[to + 1] = bright + ((32768 - imul(22554, b) - imul(46802, r)) >> 16);
      data[to + 2 - red] = bright + ((imul(116130, b) + 32768) >> 16);
    }
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

/**
 * Row y of a component that was halved: libjpeg's "fancy" upsampling, 3/4 of the nearer and 1/4 of the further sample each way.
 * Pictures of up to 4 columns are too narrow for it: there samples are repeated.
 */
function enlargedRow(
  { width: stride, data }: Plane,
  y: number,
  width: number,
  height: number,
  out: Uint8Array,
): void {
  const columns = (width + 1) >> 1;
  const lastRow = ((height + 1) >> 1) - 1;
  const row = y >> 1;
  const near = row * stride;
  if (columns <= 2) {
    for (let x = 0; x < width; x++) out[x] = data[near + (x >> 1)]!;
    return;
  }
  const far = Math.min(Math.max(y & 1 ? row + 1 : row - 1, 0), lastRow) * stride;
  let before = 3 * data[near]! + data[far]!;
  let here = before;
  for (let x = 0; x < columns; x++) {
    const next = x + 1 < columns ? x + 1 : x;
    const after = 3 * data[near + next]! + data[far + next]!;
    out[2 * x] = (3 * here + before + 8) >> 4;
    out[2 * x + 1] = (3 * here + after + 7) >> 4;
    before = here;
    here = after;
  }
}

export const imageCompression = operation({
  name: 'image_compression',
  fields: { quality: { standard: [60, 100], limits: [1, 100], whole: true } },
  draw: (rng, { quality: [low, high] }) => ({ quality: low + rng.below(high - low + 1) }),
  apply: (image, { quality }, order) => compress(image, quality, order),
});
