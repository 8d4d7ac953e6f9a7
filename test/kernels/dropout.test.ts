import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Runtime } from '../../src/engine/runtime.js';
import { Graph } from '../../src/engine/tensor.js';
import { dropConnect } from '../../src/kernels/drop-connect.js';
import { dropout } from '../../src/kernels/dropout.js';
import { openRuntime } from '../../src/platform/node/runtime.js';
import { hash32, keyOf } from '../../src/rng.js';
import { evaluate } from './evaluate.js';

let gpu: Runtime;
beforeAll(async () => {
  gpu = (await openRuntime()).runtime;
});
afterAll(() => gpu.close());

const SIZE = 40_000;
const x = { shape: [40, 1000], values: Array<number>(SIZE).fill(1) };

async function drop(clock: number[], rate: number, key: number): Promise<number[]> {
  const given = { x, clock: { shape: [3], values: Uint32Array.from(clock) } };
  return (await evaluate(gpu, given, (t) => [dropout(t.x!, t.clock!, { rate, key })]))[0]!;
}

describe('dropout', () => {
  test('draws what src/rng.ts draws, element by element', async () => {
    const y = await drop([4_000_000_000, 2, 77], 0.3, 0xfedcba98);
    const stream = keyOf(4_000_000_000, 2, 77, 0xfedcba98);
    const kept = y.map((_, i) => hash32(stream ^ hash32(i)) >= Math.floor(0.3 * 2 ** 32));
    expect(y.map((value) => value !== 0)).toEqual(kept);
    expect(y.find((value) => value !== 0)).toBeCloseTo(1 / 0.7, 6);
  });

  test('keeps 1 - rate of the elements, within five standard deviations', async () => {
    for (const rate of [0.1, 0.5, 0.9]) {
      const kept = (await drop([1, 2, 3], rate, 4)).filter((value) => value !== 0).length / SIZE;
      expect(Math.abs(kept - (1 - rate))).toBeLessThan(5 * Math.sqrt((rate * (1 - rate)) / SIZE));
    }
  });

  test('is the same again, and another with another seed, epoch, step or key', async () => {
    const base = await drop([1, 2, 3], 0.5, 4);
    expect(await drop([1, 2, 3], 0.5, 4)).toEqual(base);
    for (const [clock, key] of [
      [[2, 2, 3], 4],
      [[1, 3, 3], 4],
      [[1, 2, 4], 4],
      [[1, 2, 3], 5],
    ] as const) {
      const other = await drop([...clock], 0.5, key);
      const agree = other.filter((value, i) => value === base[i]).length / SIZE;
      expect(Math.abs(agree - 0.5)).toBeLessThan(0.0125); // five standard deviations of independent masks
    }
  });

  test('of rate 0 is the identity; a rate of 1 is refused', async () => {
    expect(await drop([1, 2, 3], 0, 4)).toEqual(x.values);
    const graph = new Graph();
    const clock = graph.buffer('clock', [3], 'u32');
    expect(() => dropout(graph.buffer('x', [2, 2]), clock, { rate: 1, key: 0 })).toThrow(
      'dropout: wants a rate in [0, 1), got 1',
    );
  });
});

describe('drop-connect', () => {
  const options = { rate: 0.5, groups: 4, key: 9 };
  const connect = async (first: number, batch: number): Promise<number[]> => {
    const given = {
      x: { shape: [batch, 2, 3, 8], values: Array<number>(batch * 48).fill(1) },
      clock: { shape: [3], values: Uint32Array.from([1, 2, 3]) },
      rows: { shape: [1], values: Uint32Array.from([first]) },
    };
    return (await evaluate(gpu, given, (t) => [dropConnect(t.x!, t.clock!, t.rows!, options)]))[0]!;
  };

  test('draws for a slice what it draws for the whole batch', async () => {
    const whole = await connect(0, 12);
    expect(await connect(5, 4)).toEqual(whole.slice(5 * 48, 9 * 48));
  });

  test('drops whole groups of a sample, each by a draw of its own', async () => {
    const y = await connect(0, 12);
    const masks = new Set<string>();
    for (let sample = 0; sample < 12; sample++) {
      const pixels = Array.from({ length: 6 }, (_, pixel) =>
        y.slice(sample * 48 + pixel * 8, sample * 48 + pixel * 8 + 8),
      );
      for (const pixel of pixels) expect(pixel).toEqual(pixels[0]);
      for (let group = 0; group < 4; group++) expect(pixels[0]![2 * group]).toBe(pixels[0]![2 * group + 1]);
      masks.add(`${pixels[0]}`);
    }
    expect(masks.size).toBeGreaterThan(4);
  });
});
