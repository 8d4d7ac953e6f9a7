import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { blur } from '../../src/data/augment/blur.js';
import { addToChannels, fancyPca, pcaShift } from '../../src/data/augment/fancy-pca.js';
import { shiftHsv } from '../../src/data/augment/hue-saturation-value.js';
import { compress } from '../../src/data/augment/jpeg.js';
import { addNoise } from '../../src/data/augment/noise.js';
import { shiftScaleRotate } from '../../src/data/augment/shift-scale-rotate.js';
import { drawSteps, parseSteps } from '../../src/data/augment/steps.js';
import { augment, REFERENCE, stepsOf } from '../../src/data/augment.js';
import type { Image } from '../../src/data/image.js';
import { Rng } from '../../src/rng.js';
import { type GoldenAugment, verifyAugment } from '../../src/verify/golden-augment.js';
import { pixels, raw } from './files.js';

const golden = (): GoldenAugment & { cases: { op: string; params: object }[] } =>
  JSON.parse(readFileSync(new URL('../golden/augment.json', import.meta.url), 'utf8'));

const picture = (width: number, height: number): Image => ({ width, height, data: pixels(width, height, 3) });

describe('the golden picture', () => {
  it('comes out of every transform as it should', async () => {
    const rows = [];
    for await (const row of verifyAugment('augment.json', golden())) rows.push(row);
    expect(rows.filter(({ ok }) => !ok)).toEqual([]);
    expect(rows).toHaveLength(20);
    const loose = rows.filter(({ tolerance }) => tolerance > 0).map(({ quantity }) => quantity.split(' ')[0]);
    expect(new Set(loose)).toEqual(new Set(['fancy_pca', 'hue_saturation_value', 'image_compression']));
  });

  it.each([
    [
      { op: 'solarize', params: {} },
      "x.json: cases[0].op 'solarize' is unknown; there are brightness_contrast, ",
    ],
    [{ op: 'gaussian_blur', params: { ksize: 5 } }, 'x.json: cases[0].params.ksize 5: only 3 is defined'],
    [{ op: 'resize', params: { width: 3 } }, 'x.json: cases[0].params.height: resize wants a number'],
  ])('refuses %j', async (wrong, message) => {
    const file = { ...golden(), cases: [{ ...golden().cases[0]!, ...wrong }] };
    await expect(verifyAugment('x.json', file as unknown as GoldenAugment).next()).rejects.toThrow(message);
  });
});

describe('transforms', () => {
  it('leave the picture that they are given as it is, and keep its size', async () => {
    const image = picture(19, 11);
    const before = image.data.slice();
    for (const choice of parseSteps(REFERENCE).flatMap(({ oneOf }) => oneOf)) {
      const result = await augment(image, [{ p: 1, oneOf: [choice] }], new Rng('pure'), 'bgr');
      expect(image.data, choice.op).toEqual(before);
      expect([result.image.width, result.image.height, result.image.data.length]).toEqual([19, 11, 627]);
      expect(result.drawn.map(({ name }) => name)).toEqual([choice.op]);
    }
  });

  it("compress as the image library's libjpeg does, at any size and quality", async () => {
    for (const [width, height, quality] of [
      [1, 1, 60],
      [4, 9, 75],
      [5, 3, 61],
      [17, 31, 20],
      [16, 28, 90],
      [44, 46, 100],
      [33, 8, 1],
    ] as const) {
      const rng = new Rng('jpeg', width);
      const data = Uint8Array.from({ length: 3 * width * height }, () => rng.below(256));
      const file = raw(data, width, height, 3).jpeg({ quality, chromaSubsampling: '4:2:0' });
      const { default: sharp } = await import('sharp');
      const want = await sharp(await file.toBuffer())
        .raw()
        .toBuffer();
      const got = compress({ width, height, data }, quality, 'rgb');
      expect([...got.data], `${width}x${height} at ${quality}`).toEqual([...want]);
    }
  });

  it('compress according to which channel is red', () => {
    const image = picture(16, 16);
    const swapped = { ...image, data: image.data.map((_, i, all) => all[i - (i % 3) + 2 - (i % 3)]!) };
    const [bgr, rgb] = [compress(image, 60, 'bgr').data, compress(swapped, 60, 'rgb').data];
    expect([...bgr]).toEqual([...rgb].map((_, i) => rgb[i - (i % 3) + 2 - (i % 3)]));
    expect(bgr).not.toEqual(compress(image, 60, 'rgb').data);
  });

  it('blur a picture of one pixel, and of one row, by what is there', () => {
    expect([...blur({ width: 1, height: 1, data: Uint8Array.of(7, 8, 9) }).data]).toEqual([7, 8, 9]);
    const row = { width: 3, height: 1, data: Uint8Array.of(0, 0, 0, 40, 40, 40, 80, 80, 80) };
    expect([...blur(row).data].filter((_, i) => i % 3 === 0)).toEqual([20, 40, 60]);
  });

  it('move a picture without a shift nowhere, and by whole pixels exactly', () => {
    const image = picture(20, 10);
    expect(shiftScaleRotate(image, { angle: 0, scale: 1, dx: 0, dy: 0 }).data).toEqual(image.data);
    const moved = shiftScaleRotate(image, { angle: 0, scale: 1, dx: 0.1, dy: -0.2 });
    for (let y = 0; y < 10; y++)
      for (let x = 0; x < 20; x++) {
        const inside = x >= 2 && y < 8;
        expect(moved.data[3 * (20 * y + x)]).toBe(inside ? image.data[3 * (20 * (y + 2) + x - 2)] : 0);
      }
  });

  it('turn anticlockwise', () => {
    // A white dot right of the middle goes up.
    const image = { width: 9, height: 9, data: new Uint8Array(243) };
    image.data.fill(255, 3 * (9 * 4 + 7), 3 * (9 * 4 + 8));
    const turned = shiftScaleRotate(image, { angle: 90, scale: 1, dx: 0, dy: 0 });
    expect(turned.data.findIndex((byte) => byte > 200)).toBe(3 * (9 * 1 + 4));
  });

  it('take channel 0 for red in HSV, and let hues go round', () => {
    const one = (r: number, g: number, b: number) => ({ width: 1, height: 1, data: Uint8Array.of(r, g, b) });
    expect([...shiftHsv(one(200, 0, 0), 60, 0, 0).data]).toEqual([0, 200, 0]);
    expect([...shiftHsv(one(200, 0, 0), -60, 0, 0).data]).toEqual([0, 0, 200]);
    // Truncated, not rounded: 0.9 of a step is none.
    expect([...shiftHsv(one(200, 0, 0), 0.9, 0, 0.9).data]).toEqual([200, 0, 0]);
    const gray = shiftHsv(one(90, 90, 90), 20, 0, 10.5).data;
    expect([...gray]).toEqual([100, 100, 100]);
  });

  it('shift colours along the principal components', () => {
    // Pixels on both sides of a centre along three orthogonal directions; 2 k^2 9 / (6 - 1) is the variance along (2, 1, 2) / 3 for k = 30.
    const directions = [
      [60, 30, 60],
      [-40, 40, 20],
      [10, 20, -20],
    ];
    const data = Uint8Array.from(
      directions.flatMap((d) => [1, -1].flatMap((sign) => d.map((x) => 128 + sign * x))),
    );
    const w = [30, 20, 10].map((k) => (2 * 9 * k ** 2) / 5 / 255 ** 2);
    const projected = directions.map((d) => d.reduce((sum, x, k) => sum + (x / Math.hypot(...d)) * w[k]!, 0));
    // Channel c takes the c-th eigenvector, whose sign is a convention.
    const shift = pcaShift({ width: 6, height: 1, data });
    for (const [c, by] of shift.entries())
      expect(Math.abs(by)).toBeCloseTo(Math.abs(255 * projected[c]!), 10);
    const image = picture(13, 7);
    expect(fancyPca(image, 0.3).data).toEqual(
      addToChannels(image, pcaShift(image).map((by) => 0.3 * by) as [number, number, number]).data,
    );
    expect(fancyPca({ width: 1, height: 1, data: Uint8Array.of(1, 2, 3) }, 1).data).toEqual(
      Uint8Array.of(1, 2, 3),
    );
  });

  it('add noise of the variance asked for, other numbers to each byte and for each seed', () => {
    const n = 300_000;
    const flat = { width: 100_000, height: 1, data: new Uint8Array(n).fill(128) };
    const noise = [...addNoise(flat, 40, 5).data].map((byte) => byte - 128);
    const moment = (k: number) => noise.reduce((sum, x) => sum + (x + 0.5) ** k, 0) / n;
    // Truncation moves the mean by half a level, and adds 1/12 to the variance.
    expect(Math.abs(moment(1))).toBeLessThan(4 * Math.sqrt(40 / n));
    expect(Math.abs(moment(2) - 40 - 1 / 12)).toBeLessThan(4 * Math.sqrt((2 * 40 ** 2) / n));
    expect(Math.abs(moment(4) / moment(2) ** 2 - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
    const lagged = (lag: number) => noise.reduce((sum, x, i) => sum + x * (noise[i + lag] ?? 0), 0) / n / 40;
    for (const lag of [1, 2, 3])
      expect(Math.abs(lagged(lag)), `lag ${lag}`).toBeLessThan(0.25 / 40 + 4 / Math.sqrt(n));
    expect(addNoise(flat, 40, 6).data).not.toEqual(addNoise(flat, 40, 5).data);
    const ends = addNoise({ width: 2, height: 1, data: Uint8Array.of(0, 0, 0, 255, 255, 255) }, 5000, 1).data;
    expect([...ends].every((byte, i) => (i < 3 ? byte < 250 : byte > 5))).toBe(true);
  });
});

describe('the reference', () => {
  const N = 20_000;
  const draws = Array.from({ length: N }, (_, i) =>
    drawSteps(stepsOf('reference'), new Rng(0, 'augment', 1, i)),
  );
  const of = (op: string) => draws.flat().filter(({ name }) => name === op);

  it.each([
    ['image_compression', 0.5],
    ['gaussian_noise', 0.1],
    ['gaussian_blur', 0.05],
    ['horizontal_flip', 0.5],
    ['brightness_contrast', 0.7 / 3],
    ['fancy_pca', 0.7 / 3],
    ['hue_saturation_value', 0.7 / 3],
    ['to_gray', 0.2],
    ['shift_scale_rotate', 0.5],
  ])('hits with %s at a rate of %d', (op, p) => {
    expect(Math.abs(of(op).length / N - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / N));
  });

  it('draws one of three, never two, and keeps the order', () => {
    const three = ['brightness_contrast', 'fancy_pca', 'hue_saturation_value'];
    const order = REFERENCE.flatMap(({ op, one_of }) => (one_of ? one_of.map((choice) => choice.op) : [op]));
    for (const drawn of draws) {
      const names = drawn.map(({ name }) => name);
      expect(names.filter((name) => three.includes(name)).length).toBeLessThan(2);
      expect(names).toEqual(names.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)));
    }
  });

  it.each([
    ['gaussian_noise', 'variance', 10, 50],
    ['brightness_contrast', 'alpha', 0.8, 1.2],
    ['brightness_contrast', 'beta', -0.2, 0.2],
    ['hue_saturation_value', 'hue', -20, 20],
    ['hue_saturation_value', 'saturation', -30, 30],
    ['hue_saturation_value', 'value', -20, 20],
    ['shift_scale_rotate', 'angle', -10, 10],
    ['shift_scale_rotate', 'scale', 0.8, 1.2],
    ['shift_scale_rotate', 'dx', -0.1, 0.1],
    ['shift_scale_rotate', 'dy', -0.1, 0.1],
  ])('draws %s %s uniformly from %d to %d', (op, parameter, low, high) => {
    const unit = of(op).map(({ parameters }) => (parameters[parameter]! - low) / (high - low));
    const mean = (k: number) => unit.reduce((sum, u) => sum + u ** k, 0) / unit.length;
    expect(Math.min(...unit)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...unit)).toBeLessThan(1);
    expect(Math.abs(mean(1) - 1 / 2)).toBeLessThan(4 * Math.sqrt(1 / 12 / unit.length));
    expect(Math.abs(mean(2) - 1 / 3)).toBeLessThan(4 * Math.sqrt(4 / 45 / unit.length));
  });

  it('draws every quality from 60 to 100 alike, and a normal factor for Fancy PCA', () => {
    const qualities = of('image_compression').map(({ parameters }) => parameters.quality!);
    const counts = Array.from({ length: 41 }, (_, i) => qualities.filter((q) => q === 60 + i).length);
    expect(counts.reduce((sum, count) => sum + count)).toBe(qualities.length);
    const expected = qualities.length / 41;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(40 + 4 * Math.sqrt(80));
    const alphas = of('fancy_pca').map(({ parameters }) => parameters.alpha!);
    const moment = (k: number) => alphas.reduce((sum, a) => sum + a ** k, 0) / alphas.length;
    expect(Math.abs(moment(1))).toBeLessThan(0.4 / Math.sqrt(alphas.length));
    expect(Math.abs(moment(2) - 0.01)).toBeLessThan(0.04 * Math.sqrt(2 / alphas.length));
  });

  it('is the list in docs/AUGMENT.md', () => {
    const page = readFileSync(new URL('../../docs/AUGMENT.md', import.meta.url), 'utf8');
    const [, json] = /```json\n([\s\S]*?)```/.exec(page)!;
    expect(parseSteps(JSON.parse(json!))).toEqual(stepsOf('reference'));
  });
});

test.each([
  [{ op: 'to_gray' }, 'wants a list of operations: [{ "op": NAME, "p": 0.5 }, ...]'],
  [['to_gray'], '[0]: wants an operation such as { "op": NAME, "p": 0.5 }; got "to_gray"'],
  [[{ op: 'to_gray' }], '[0].p: wants a probability from 0 to 1; got nothing'],
  [
    [
      { op: 'to_gray', p: 0.1 },
      { op: 'to_gray', p: '1' },
    ],
    '[1].p: wants a probability from 0 to 1; got "1"',
  ],
  [[{ op: 'to_grey', p: 1 }], '[0].op: wants one of image_compression, gaussian_noise, gaussian_blur, '],
  [[{ op: 'to_gray', p: 1, quality: 5 }], '[0].quality: no setting of to_gray, which has none'],
  [
    [{ op: 'image_compression', p: 1, quality: [100, 60] }],
    '[0].quality: wants [low, high], whole numbers from 1 to 100, low not above high; got [100,60]',
  ],
  [
    [{ op: 'image_compression', p: 1, quality: [60.5, 70] }],
    '[0].quality: wants [low, high], whole numbers from 1 to 100, low not above high; got [60.5,70]',
  ],
  [
    [{ op: 'fancy_pca', p: 1, standard_deviation: [0, 1] }],
    '[0].standard_deviation: wants a number from 0 to 10; got [0,1]',
  ],
  [[{ one_of: [], p: 1 }], '[0].one_of: wants a list of operations; got []'],
  [[{ one_of: [{ op: 'to_gray', p: 1 }], p: 1 }], '[0].one_of[0].p: no setting of to_gray, which has none'],
  [[{ one_of: [{ op: 'to_gray' }], op: 'to_gray', p: 1 }], '[0].op: has no place beside "one_of"'],
])('a list such as %j is refused', (list, message) => {
  expect(() => parseSteps(list)).toThrow(message);
});
