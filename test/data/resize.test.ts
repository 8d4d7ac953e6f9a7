import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Image } from '../../src/data/image.js';
import { resize } from '../../src/data/resize.js';

interface Golden {
  readonly width: number;
  readonly height: number;
  readonly input: string;
  readonly cases: { op: string; params: { width: number; height: number }; out: string }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL('../golden/augment.json', import.meta.url), 'utf8'));
const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
const picture: Image = { width: golden.width, height: golden.height, data: bytes(golden.input) };

/** One value for all three channels. */
const gray = (width: number, height: number, values: number[]): Image => ({
  width,
  height,
  data: Uint8Array.from(values.flatMap((v) => [v, v, v])),
});
const channel0 = ({ data }: Image) => [...data].filter((_, i) => i % 3 === 0);

describe("OpenCV's bilinear resize", () => {
  const cases = golden.cases.filter(({ op }) => op === 'resize');

  it('is held to three golden pictures', () => expect(cases).toHaveLength(3));

  it.each(cases)('matches the golden bytes at $params.width x $params.height', ({ params, out }) => {
    const resized = resize(picture, params.width, params.height);
    expect([resized.width, resized.height]).toEqual([params.width, params.height]);
    expect(Buffer.compare(resized.data, bytes(out))).toBe(0);
  });

  it('copies when the size stays', () => {
    const same = resize(picture, picture.width, picture.height);
    expect(same.data).toEqual(picture.data);
    expect(same.data.buffer).not.toBe(picture.data.buffer);
  });

  it('takes the rounded mean of 2x2 pixels at exactly half', () => {
    const wide = gray(4, 2, [0, 1, 10, 20, 1, 0, 30, 41]);
    expect(channel0(resize(wide, 2, 1))).toEqual([1, 25]);
  });

  it('interpolates at twice the size with the border pixels repeated', () => {
    expect(channel0(resize(gray(2, 1, [0, 100]), 4, 1))).toEqual([0, 25, 75, 100]);
    expect(channel0(resize(gray(1, 2, [0, 100]), 1, 4))).toEqual([0, 25, 75, 100]);
  });

  it('stretches a single pixel', () => {
    expect(channel0(resize(gray(1, 1, [255]), 3, 2))).toEqual([255, 255, 255, 255, 255, 255]);
  });

  it('handles the channels apart', () => {
    const image = { width: 2, height: 1, data: Uint8Array.of(0, 100, 200, 40, 100, 0) };
    expect([...resize(image, 1, 1).data]).toEqual([20, 100, 100]);
  });
});
