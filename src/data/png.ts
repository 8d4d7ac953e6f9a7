/**
 * The PNG that face crops are: 8-bit R,G,B without interlacing. It is decoded in the thread that asks, three times as fast as the
 * image library does, whose work waits for the process's few I/O threads however many decoding threads there are.
 */
import { crc32, inflateSync } from 'node:zlib';
import type { Image } from './image.js';

const SIGNATURE = 8;
/** Chunks that change no pixel. Any other one (a palette, transparency, an orientation) is left to the image library. */
const HARMLESS = new Set([
  'pHYs',
  'tEXt',
  'zTXt',
  'iTXt',
  'gAMA',
  'cHRM',
  'sRGB',
  'iCCP',
  'tIME',
  'bKGD',
  'sBIT',
]);

/** Deflate does not pack tighter: a header that claims more is forged, and room for it need not be made. */
const LARGEST_RATIO = 1032;

/**
 * @param file starts with the signature of a PNG
 * @returns undefined for another kind of PNG and for one that is not whole and sound: the image library then says what is wrong
 */
export function decodePlainPng(file: Uint8Array, maxPixels: number): Image | undefined {
  const chunks = readChunks(file);
  if (!chunks) return undefined;
  const { header, body } = chunks;
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const [depth, colour, compression, filtering, interlace] = header.subarray(8);
  const isPlain = depth === 8 && colour === 2 && compression === 0 && filtering === 0 && interlace === 0;
  if (!isPlain || width === 0 || height === 0 || width * height > maxPixels) return undefined;
  const size = height * (1 + 3 * width);
  if (size > LARGEST_RATIO * body.length) return undefined;
  try {
    const lines = inflateSync(body, { chunkSize: Math.max(size, 64), maxOutputLength: size });
    if (lines.length !== size) return undefined;
    return unfilter(new Uint8Array(lines.buffer, lines.byteOffset, size), width, height);
  } catch {
    return undefined;
  }
}

function readChunks(file: Uint8Array): { header: Buffer; body: Uint8Array } | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const parts: Buffer[] = [];
  let header: Buffer | undefined;
  for (let at = SIGNATURE; at + 12 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at);
    if (end + 4 > bytes.length) return undefined;
    const type = bytes.toString('latin1', at + 4, at + 8);
    const data = bytes.subarray(at + 8, end);
    if (crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32BE(end)) return undefined;
    if (!header !== (type === 'IHDR') || (type === 'IHDR' && data.length !== 13)) return undefined;
    if (type === 'IHDR') header = data;
    else if (type === 'IDAT') parts.push(data);
    else if (type === 'IEND')
      return header && { header, body: parts.length === 1 ? parts[0]! : Buffer.concat(parts) };
    else if (!HARMLESS.has(type)) return undefined;
    at = end + 4;
  }
  return undefined;
}

/**
 * Undoes the prediction of each line from its left and upper neighbours (PNG specification, section 9), in place: the pixels of a line
 * end before its filtered bytes, by as many bytes as there were filter types.
 */
function unfilter(data: Uint8Array, width: number, height: number): Image | undefined {
  const stride = 3 * width;
  for (let y = 0; y < height; y++) {
    const from = y * (stride + 1) + 1;
    const to = y * stride;
    // The line above the first is black, which makes of Paeth's prediction the left neighbour, and of Up nothing.
    const filter = data[from - 1]!;
    if (filter > 4) return undefined;
    if (filter === 0 || (filter === 2 && y === 0)) data.copyWithin(to, from, from + stride);
    else if (filter === 1 || (filter === 4 && y === 0)) left(data, from, to, stride);
    else if (filter === 2) up(data, from, to, stride);
    else if (filter === 3) average(data, from, to, stride, y > 0);
    else paeth(data, from, to, stride);
  }
  return { width, height, data: data.subarray(0, height * stride) };
}

function left(data: Uint8Array, from: number, to: number, stride: number): void {
  for (let x = 0; x < stride; x++) data[to + x] = data[from + x]! + (x < 3 ? 0 : data[to + x - 3]!);
}

function up(data: Uint8Array, from: number, to: number, stride: number): void {
  for (let x = 0; x < stride; x++) data[to + x] = data[from + x]! + data[to + x - stride]!;
}

function average(data: Uint8Array, from: number, to: number, stride: number, hasUpper: boolean): void {
  for (let x = 0; x < stride; x++) {
    const a = x < 3 ? 0 : data[to + x - 3]!;
    const b = hasUpper ? data[to + x - stride]! : 0;
    data[to + x] = data[from + x]! + ((a + b) >> 1);
  }
}

/**
 * Of left, upper and upper-left the one that is nearest to left + upper - upper left. Without branches, which noisy pictures would
 * mispredict: with t = 3c - (a + b), it is the smaller of a and b if the larger is at most t, the larger if the smaller is at least
 * t, else c.
 */
function predicted(a: number, b: number, c: number): number {
  const difference = a - b;
  const low = b + (difference & (difference >> 31));
  const high = a + b - low;
  const threshold = 3 * c - a - b;
  const isBelowHigh = (threshold - high) >> 31;
  const isAboveLow = (low - threshold) >> 31;
  const lowOrC = (c & isBelowHigh) | (low & ~isBelowHigh);
  return (lowOrC & isAboveLow) | (high & ~isAboveLow);
}

function paeth(data: Uint8Array, from: number, to: number, stride: number): void {
  // Three channels side by side: each waits for its own left neighbour only.
  let [a0, a1, a2, c0, c1, c2] = [0, 0, 0, 0, 0, 0];
  for (let x = 0; x < stride; x += 3) {
    const above = to + x - stride;
    const b0 = data[above]!;
    const b1 = data[above + 1]!;
    const b2 = data[above + 2]!;
    a0 = (data[from + x]! + predicted(a0, b0, c0)) & 255;
    a1 = (data[from + x + 1]! + predicted(a1, b1, c1)) & 255;
    a2 = (data[from + x + 2]! + predicted(a2, b2, c2)) & 255;
    data[to + x] = a0;
    data[to + x + 1] = a1;
    data[to + x + 2] = a2;
    c0 = b0;
    c1 = b1;
    c2 = b2;
  }
}
