import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDetector } from '../../src/faces/detector.js';
import { decode, priorsOf } from '../../src/faces/retinaface.js';
import { temporaryFolder, write } from '../data/files.js';

describe('priors', () => {
  test('of a 640 x 640 input are 16,800: two on each cell of 80, 40 and 20', () => {
    const priors = priorsOf(640, 640);
    expect(priors.length).toBe(2 * (80 * 80 + 40 * 40 + 20 * 20));
    expect(priors[0]).toEqual({ x: 4, y: 4, side: 16 });
    expect(priors[1]).toEqual({ x: 4, y: 4, side: 32 });
    expect(priors[2]).toEqual({ x: 12, y: 4, side: 16 });
    expect(priors[160]).toEqual({ x: 4, y: 12, side: 16 });
    expect(priors[12_800]).toEqual({ x: 8, y: 8, side: 64 });
    expect(priors.at(-1)).toEqual({ x: 624, y: 624, side: 512 });
  });

  test('cover an input whose sides are no multiple of the strides', () => {
    expect(priorsOf(33, 9).length).toBe(2 * (5 * 2 + 3 * 1 + 2 * 1));
  });
});

test('decoding: offsets in tenths of the prior, sizes as exponentials of fifths; overlaps are suppressed', () => {
  const priors = [
    { x: 100, y: 50, side: 32 },
    { x: 104, y: 50, side: 32 },
    { x: 300, y: 200, side: 64 },
  ];
  const loc = [2.5, -5, 5 * Math.log(1.5), 0, 1.25, -5, 5 * Math.log(1.5), 0, 0, 0, 0, 0];
  const conf = [0.1, 0.9, 0.2, 0.8, 0.55, 0.45];
  const faces = decode(loc, conf, priors);
  expect(faces.length).toBe(1);
  // Centre 100 + 0.1 * 2.5 * 32 = 108, 50 - 0.1 * 5 * 32 = 34; size 32 * e^(0.2 * 5 ln 1.5) = 48 by 32.
  expect(faces[0]!.x).toBeCloseTo(84, 9);
  expect(faces[0]!.y).toBeCloseTo(18, 9);
  expect(faces[0]!.width).toBeCloseTo(48, 9);
  expect(faces[0]!.height).toBeCloseTo(32, 9);
  expect(decode(loc, conf, priors, 0.4).map(({ score }) => score)).toEqual([0.9, 0.45]);
});

test('says what it wants: the weights, then the file, then the package', async () => {
  await expect(openDetector('retinaface', {})).rejects.toThrow('--detector_model FILE.onnx');
  await expect(openDetector('retinaface', { model: 'nowhere.onnx' })).rejects.toThrow(
    'nowhere.onnx: there is no such file',
  );
  const file = write(join(temporaryFolder(), 'retina.onnx'), 'not a model');
  await expect(openDetector('retinaface', { model: file })).rejects.toThrow(
    /npm install onnxruntime-node|retina\.onnx: /,
  );
});
