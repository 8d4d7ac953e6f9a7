import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePlainPng } from '../../src/data/png.js';
import { Rng } from '../../src/rng.js';
import { pixels, raw } from './files.js';

const decoded = (file: Buffer) => decodePlainPng(file, 1e6);

/** A PNG of these scan lines, each with its filter in front. */
function pngOf(
  width: number,
  height: number,
  lines: Uint8Array,
  change: { colour?: number; interlace?: number } = {},
): Buffer {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const out = Buffer.alloc(12 + data.length);
    out.writeUInt32BE(data.length);
    out.write(type, 4, 'latin1');
    out.set(data, 8);
    out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, change.colour ?? 2, 0, 0, change.interlace ?? 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]);
  const body = deflateSync(lines);
  const half = body.length >> 1;
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', body.subarray(0, half)),
    chunk('IDAT', body.subarray(half)),
    chunk('IEND', new Uint8Array()),
  ]);
}

describe('plain PNGs', () => {
  it('decode as the image library decodes them, whatever predicts their lines', async () => {
    const [width, height] = [23, 17];
    const rng = new Rng('filters');
    for (let first = 0; first < 5; first++) {
      const lines = Uint8Array.from({ length: height * (1 + 3 * width) }, (_, i) => {
        const row = Math.floor(i / (1 + 3 * width));
        return i % (1 + 3 * width) === 0 ? (row === 0 ? first : rng.below(5)) : rng.below(256);
      });
      const file = pngOf(width, height, lines);
      expect([...decoded(file)!.data]).toEqual([...(await sharp(file).raw().toBuffer())]);
    }
    for (const adaptiveFiltering of [false, true]) {
      const data = pixels(61, 40, 3);
      const file = await raw(data, 61, 40, 3).png({ adaptiveFiltering }).toBuffer();
      expect(decoded(file)).toEqual({ width: 61, height: 40, data });
    }
  });

  it('are left to the image library when they are of another kind', async () => {
    const picture = (channels: 1 | 3 | 4) => raw(pixels(9, 9, channels), 9, 9, channels);
    expect(decoded(await picture(4).png().toBuffer())).toBeUndefined();
    expect(decoded(await picture(1).toColourspace('b-w').png().toBuffer())).toBeUndefined();
    expect(decoded(await picture(3).png({ palette: true }).toBuffer())).toBeUndefined();
    expect(decoded(await picture(3).png({ progressive: true }).toBuffer())).toBeUndefined();
    expect(decoded(await picture(3).withMetadata({ orientation: 6 }).png().toBuffer())).toBeUndefined();
    const plain = await picture(3).png().toBuffer();
    expect(decodePlainPng(plain, 81)).toBeDefined();
    expect(decodePlainPng(plain, 80)).toBeUndefined();
  });

  it('are left to the image library when they are damaged anywhere', async () => {
    const file = await raw(pixels(30, 20, 3), 30, 20, 3)
      .png()
      .toBuffer();
    for (let length = 8; length < file.length; length++)
      expect(decoded(file.subarray(0, length))).toBeUndefined();
    const rng = new Rng('damage');
    for (let i = 0; i < 500; i++) {
      const damaged = Buffer.from(file);
      damaged[8 + rng.below(file.length - 8)]! ^= 1 << rng.below(8);
      expect(decoded(damaged)).toBeUndefined();
    }
    // Whole chunks, but too few or too many lines, or a filter that does not exist.
    const lines = new Uint8Array(5 * 13);
    expect(decoded(pngOf(4, 5, lines))).toBeDefined();
    expect(decoded(pngOf(4, 6, lines))).toBeUndefined();
    expect(decoded(pngOf(4, 4, lines))).toBeUndefined();
    expect(decoded(pngOf(4, 5, lines.with(13, 5)))).toBeUndefined();
  });
});
