import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decode, loadImage } from '../../src/data/decode.js';
import { swapRedAndBlue } from '../../src/data/image.js';
import { pixels, plainPng, raw, temporaryFolder, write } from './files.js';

const [W, H] = [6, 5];
const rgb = pixels(W, H, 3);
const png = () => raw(rgb, W, H, 3).png().toBuffer();

/** Samples `keep` of every `stride`, e.g. what is left of R,G,B,A. */
const pick = (data: ArrayLike<number>, stride: number, keep: number[]) =>
  Array.from({ length: data.length / stride }, (_, i) => keep.map((k) => data[i * stride + k]!)).flat();

async function expectPixels(file: Buffer, expected: ArrayLike<number>, width = W, height = H) {
  const image = await decode(file);
  expect([image.width, image.height]).toEqual([width, height]);
  expect([...image.data]).toEqual(Array.from(expected));
}

describe('decoding PNG', () => {
  it('gives the pixels of R,G,B', async () => expectPixels(await png(), rgb));

  it('drops alpha without blending', async () => {
    const rgba = pixels(W, H, 4);
    await expectPixels(await raw(rgba, W, H, 4).png().toBuffer(), pick(rgba, 4, [0, 1, 2]));
  });

  it('repeats gray, with and without alpha', async () => {
    const gray = pixels(W, H, 1);
    const grayPng = raw(gray, W, H, 1).toColourspace('b-w').png();
    await expectPixels(await grayPng.toBuffer(), pick(gray, 1, [0, 0, 0]));
    const grayAlpha = pixels(W, H, 2);
    const grayAlphaPng = raw(grayAlpha, W, H, 2).toColourspace('b-w').png();
    await expectPixels(await grayAlphaPng.toBuffer(), pick(grayAlpha, 2, [0, 0, 0]));
  });

  it('keeps the upper 8 of 16 bits', async () => {
    const values = Uint16Array.of(0, 255, 256, 32767, 32768, 65535, 383, 384, 511, 512, 1, 65279);
    const upper = Array.from(values, (v) => v >> 8);
    await expectPixels(await raw(values, 2, 2, 3).toColourspace('rgb16').png().toBuffer(), upper, 2, 2);
    const gray = raw(values, 4, 3, 1).toColourspace('grey16').png();
    await expectPixels(await gray.toBuffer(), pick(upper, 1, [0, 0, 0]), 4, 3);
  });

  it('looks colours up in a palette', async () => {
    const colours = [
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
    ];
    const data = Array.from({ length: W * H }, (_, i) => colours[(i * i) % 3]!).flat();
    const file = await raw(Uint8Array.from(data), W, H, 3)
      .png({ palette: true, colours: 4, dither: 0 })
      .toBuffer();
    expect(file[25]).toBe(3);
    await expectPixels(file, data);
  });

  it('ignores a colour profile', async () => {
    const withProfile = await raw(rgb, W, H, 3).withIccProfile('p3').png().toBuffer();
    const at = withProfile.indexOf('iCCP') - 4;
    const profile = withProfile.subarray(at, at + 12 + withProfile.readUInt32BE(at));
    const plain = await png();
    await expectPixels(Buffer.concat([plain.subarray(0, 33), profile, plain.subarray(33)]), rgb);
  });
});

describe('decoding JPEG', () => {
  it("agrees with OpenCV's decoder on the golden picture", async () => {
    const golden = JSON.parse(readFileSync(new URL('../golden/augment.json', import.meta.url), 'utf8'));
    const { width, height } = golden;
    const input = { width, height, data: new Uint8Array(Buffer.from(golden.input, 'base64')) };
    const { data } = swapRedAndBlue(input);
    for (const { op, params, out } of golden.cases.filter(
      ({ op }: { op: string }) => op === 'image_compression',
    )) {
      const jpeg = raw(data, width, height, 3).jpeg({
        quality: params.quality,
        chromaSubsampling: '4:2:0',
        optimiseCoding: false,
      });
      const decoded = swapRedAndBlue(await decode(await jpeg.toBuffer())).data;
      const expected = Buffer.from(out, 'base64');
      const off = Math.max(...decoded.map((v, i) => Math.abs(v - expected[i]!)));
      expect(`${op} ${params.quality}: off by ${off}`).toBe(`${op} ${params.quality}: off by 0`);
    }
  });

  it('repeats gray', async () => {
    const flat = raw(new Uint8Array(64).fill(77), 8, 8, 1).toColourspace('b-w').jpeg({ quality: 100 });
    await expectPixels(await flat.toBuffer(), new Uint8Array(192).fill(77), 8, 8);
  });

  it('turns the picture as EXIF says', async () => {
    const upright = await decode(await raw(rgb, W, H, 3).jpeg().toBuffer());
    const tagged = await raw(rgb, W, H, 3).jpeg().withMetadata({ orientation: 6 }).toBuffer();
    const clockwise = Array.from({ length: W * H }, (_, i) => {
      const [x, y] = [i % H, Math.floor(i / H)];
      const source = 3 * ((H - 1 - x) * W + y);
      return [...upright.data.subarray(source, source + 3)];
    });
    await expectPixels(tagged, clockwise.flat(), H, W);
  });
});

describe('files that are no good', () => {
  it('names the cause', async () => {
    const [W, H] = [64, 48];
    const noise = raw(pixels(W, H, 3), W, H, 3);
    const jpeg = await noise.clone().jpeg().toBuffer();
    const goodPng = await noise.clone().png().toBuffer();
    const flipped = Buffer.from(goodPng);
    flipped[Math.floor(goodPng.length / 2)]! ^= 255;
    const overwritten = Buffer.from(jpeg).fill(0xff, jpeg.length / 2, jpeg.length / 2 + 60);
    const huge = Buffer.from(await plainPng(0));
    huge.writeUInt32BE(8001, 16);
    huge.writeUInt32BE(8000, 20);

    await expect(decode(Buffer.alloc(0))).rejects.toThrow(/^the file is empty$/);
    await expect(decode(Buffer.from('<svg/>'))).rejects.toThrow(/^neither a PNG nor a JPEG$/);
    await expect(decode(jpeg.subarray(0, jpeg.length / 2))).rejects.toThrow('premature end of JPEG image');
    await expect(decode(overwritten)).rejects.toThrow('Corrupt JPEG data');
    await expect(decode(goodPng.subarray(0, goodPng.length / 2))).rejects.toThrow('libpng read error');
    await expect(decode(flipped)).rejects.toThrow('libpng read error');
    await expect(decode(goodPng.subarray(0, 20))).rejects.toThrow('corrupt header');
    await expect(decode(withHeader(huge))).rejects.toThrow(/^more than 64 megapixels$/);
  });
});

/** Makes the checksum of a PNG's header right again. */
function withHeader(file: Buffer): Buffer {
  let crc = 0xffffffff;
  for (const byte of file.subarray(12, 29)) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  file.writeUInt32BE(~crc >>> 0, 29);
  return file;
}

describe('loading', () => {
  it('resizes, and puts blue first unless told otherwise', async () => {
    const file = write(join(temporaryFolder(), 'x.jpg'), await plainPng(200, 5));
    const bgr = await loadImage(file, { size: 3, channelOrder: 'bgr' });
    expect([...bgr.data]).toEqual(pick(new Uint8Array(27), 3, [0]).flatMap(() => [9, 7, 200]));
    const colours = await loadImage(file, { size: 3, channelOrder: 'rgb' });
    expect([...colours.data.subarray(0, 3)]).toEqual([200, 7, 9]);
  });
});
