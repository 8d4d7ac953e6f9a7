/** Pictures out of a stream of binary PPM files (Netpbm's P6, 8 bits), as ffmpeg writes them. */
import type { Image } from '../data/image.js';

/** What ffmpeg writes: magic, width, height, maximum, each on a line or between single blanks. */
const HEADER = /^P6\s(\d+)\s(\d+)\s255\s/;
const LONGEST_HEADER = 32;

/**
 * @param maxPixels a larger picture is refused before memory is taken for it
 * @throws Error when the stream ends within a picture or is none
 */
export async function* readPpm(stream: AsyncIterable<Uint8Array>, maxPixels: number): AsyncGenerator<Image> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  /** Bytes of the picture under way, its header included; 0 before the header is known. */
  let wanted = 0;
  let head: { width: number; height: number; bytes: number } | undefined;
  for await (const chunk of stream) {
    waiting.push(chunk);
    length += chunk.length;
    while (length > 0) {
      if (!head) {
        if (waiting.length > 1 && waiting[0]!.length < LONGEST_HEADER) waiting = [Buffer.concat(waiting)];
        head = headerOf(waiting[0]!, maxPixels);
        if (!head) break;
        wanted = head.bytes + 3 * head.width * head.height;
      }
      if (length < wanted) break;
      const all = waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting, length);
      yield { width: head.width, height: head.height, data: all.subarray(head.bytes, wanted) };
      waiting = [all.subarray(wanted)];
      length -= wanted;
      head = undefined;
    }
  }
  if (length > 0) throw new Error('the video ends within a frame');
}

/** @returns undefined when more bytes are needed */
function headerOf(bytes: Uint8Array, maxPixels: number) {
  const text = Buffer.from(bytes.subarray(0, LONGEST_HEADER)).toString('latin1');
  const [match, columns, rows] = HEADER.exec(text) ?? [];
  if (match === undefined) {
    if (bytes.length >= LONGEST_HEADER) throw new Error('ffmpeg gave something else than frames');
    return undefined;
  }
  const [width, height] = [Number(columns), Number(rows)];
  if (width * height > maxPixels)
    throw new Error(`frames of ${width} x ${height} are more than ${maxPixels / 1e6} megapixels`);
  return { width, height, bytes: match.length };
}
