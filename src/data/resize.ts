/** OpenCV's `resize` with INTER_LINEAR on 8-bit pictures, byte for byte: fixed-point weights, no antialiasing. */
import { type Image, rint } from './image.js';

/** 1.0 as a weight: OpenCV keeps 11 bits. */
const ONE = 2048;

/** For each destination index the two source indices and their weights, along one side of the picture. */
interface Taps {
  readonly index: readonly [Int32Array, Int32Array];
  readonly weight: readonly [Int32Array, Int32Array];
}

/** Columns beyond the edge take the edge pixel alone; rows keep both weights and clamp both indices, so they round differently. */
function tapsOf(from: number, to: number, side: 'columns' | 'rows'): Taps {
  const array = () => new Int32Array(to);
  const taps: Taps = { index: [array(), array()], weight: [array(), array()] };
  const scale = 1 / (to / from);
  const clamp = (s: number) => Math.min(Math.max(s, 0), from - 1);
  for (let i = 0; i < to; i++) {
    const centre = Math.fround((i + 0.5) * scale - 0.5);
    const s = Math.floor(centre);
    const outside = side === 'columns' && (s < 0 || s >= from - 1);
    const f = outside ? 0 : Math.fround(centre - s);
    taps.index[0][i] = clamp(s);
    taps.index[1][i] = clamp(s + 1);
    taps.weight[0][i] = rint(Math.fround(1 - f) * ONE);
    taps.weight[1][i] = rint(f * ONE);
  }
  return taps;
}

/** @returns a new picture, also when the size does not change */
export function resize(image: Image, width: number, height: number): Image {
  if (image.width === width && image.height === height) return { ...image, data: image.data.slice() };
  if (image.width === 2 * width && image.height === 2 * height) return halve(image);
  const stride = 3 * width;
  const data = new Uint8Array(height * stride);
  const rows = tapsOf(image.height, height, 'rows');
  const sourceRow = rowReader(image, tapsOf(image.width, width, 'columns'));
  for (let y = 0; y < height; y++) {
    const upper = sourceRow(rows.index[0][y]!);
    const lower = sourceRow(rows.index[1][y]!);
    const b0 = rows.weight[0][y]!;
    const b1 = rows.weight[1][y]!;
    const out = data.subarray(y * stride, (y + 1) * stride);
    for (let x = 0; x < stride; x++)
      out[x] = ((Math.imul(b0, upper[x]!) >> 16) + (Math.imul(b1, lower[x]!) >> 16) + 2) >> 2;
  }
  return { width, height, data };
}

/** Source rows at the destination's width, 7 bits up. The two last asked for are kept: neighbours have different parity. */
function rowReader({ data, width: from }: Image, taps: Taps): (y: number) => Int32Array {
  const kept = [0, 1].map(() => ({ y: -1, row: new Int32Array(3 * taps.index[0].length) }));
  return (y) => {
    const slot = kept[y & 1]!;
    if (slot.y !== y) blendColumns(data.subarray(3 * y * from, 3 * (y + 1) * from), taps, slot.row);
    slot.y = y;
    return slot.row;
  };
}

function blendColumns(source: Uint8Array, { index, weight }: Taps, row: Int32Array): void {
  const [lefts, rights] = index;
  const [leftWeights, rightWeights] = weight;
  for (let x = 0, out = 0; out < row.length; x++, out += 3) {
    const left = 3 * lefts[x]!;
    const right = 3 * rights[x]!;
    const a0 = leftWeights[x]!;
    const a1 = rightWeights[x]!;
    row[out] = (Math.imul(source[left]!, a0) + Math.imul(source[right]!, a1)) >> 4;
    row[out + 1] = (Math.imul(source[left + 1]!, a0) + Math.imul(source[right + 1]!, a1)) >> 4;
    row[out + 2] = (Math.imul(source[left + 2]!, a0) + Math.imul(source[right + 2]!, a1)) >> 4;
  }
}

/** Exactly half each way: OpenCV goes over to the rounded mean of 2x2 pixels. */
function halve(image: Image): Image {
  const width = image.width / 2;
  const height = image.height / 2;
  const data = new Uint8Array(height * width * 3);
  const stride = 3 * image.width;
  for (let y = 0, out = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) {
        const i = 2 * y * stride + 6 * x + c;
        const { data: s } = image;
        data[out++] = (s[i]! + s[i + 3]! + s[i + stride]! + s[i + stride + 3]! + 2) >> 2;
      }
  return { width, height, data };
}
