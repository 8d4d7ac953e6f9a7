import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ReferenceRuntime } from '../../src/engine/reference-runtime.js';
import type { Runtime } from '../../src/engine/runtime.js';
import { Graph } from '../../src/engine/tensor.js';
import { batchNormEval, batchNormTrain, batchNormTrainOp } from '../../src/kernels/batch-norm.js';
import { openRuntime } from '../../src/platform/node/runtime.js';
import { hashUniform } from '../../src/verify/fill.js';
import { evaluate } from './evaluate.js';

let gpu: Runtime;
beforeAll(async () => {
  gpu = (await openRuntime()).runtime;
});
afterAll(() => gpu.close());

const options = { epsilon: 0, momentum: 0.1, activation: 'none' } as const;
const channel = (value: number) => ({ shape: [1], values: [value] });

describe('batch norm by hand: x = 1, 2, 3, 4', () => {
  const layer = { weight: channel(2), bias: channel(1), mean: channel(0), variance: channel(1) };
  const x = { shape: [4, 1], values: [1, 2, 3, 4] };
  const runtimes = { reference: () => new ReferenceRuntime(), gpu: () => gpu };

  test.each(Object.keys(runtimes) as (keyof typeof runtimes)[])('%s', async (name) => {
    const [y, mean, variance] = await evaluate(runtimes[name](), { x, ...layer }, (t) => [
      batchNormTrain(
        t.x!,
        { weight: t.weight!, bias: t.bias!, mean: t.mean!, variance: t.variance! },
        options,
      ),
      t.mean!,
      t.variance!,
    ]);
    const deviation = Math.sqrt(1.25); // biased, to normalise
    [1, 2, 3, 4].forEach((value, i) => {
      expect(y![i]).toBeCloseTo((2 * (value - 2.5)) / deviation + 1, 5);
    });
    expect(mean![0]).toBeCloseTo(0.25, 6);
    expect(variance![0]).toBeCloseTo(0.9 + 0.1 * (5 / 3), 6); // unbiased, to remember
  });

  test('leaves no trace without running statistics', async () => {
    const [y, mean] = await evaluate(gpu, { x, ...layer }, (t) => [
      batchNormTrain(t.x!, { weight: t.weight!, bias: t.bias! }, options),
      t.mean!,
    ]);
    expect(y![0]).toBeCloseTo(1 - 3 / Math.sqrt(1.25), 5);
    expect(mean).toEqual([0]);
  });

  test('evaluation uses the running statistics', async () => {
    const given = { x, ...layer, mean: channel(3), variance: channel(4) };
    const [y] = await evaluate(gpu, given, (t) => [
      batchNormEval(
        t.x!,
        { weight: t.weight!, bias: t.bias!, mean: t.mean!, variance: t.variance! },
        options,
      ),
    ]);
    expect(y).toEqual([-1, 0, 1, 2]);
  });
});

describe('batch norm of values around 10,000 with deviation 0.6', () => {
  const [rows, channels] = [1500, 36];
  const values = Float32Array.from({ length: rows * channels }, (_, i) => 1e4 + hashUniform('far', i));

  test.each(Object.keys(batchNormTrainOp.variants))('%s', async (variant) => {
    const given = {
      x: { shape: [rows, channels], values },
      weight: { shape: [channels], values: Array<number>(channels).fill(1) },
      bias: { shape: [channels], values: Array<number>(channels).fill(0) },
    };
    const [mean, rstd] = await evaluate(
      gpu,
      given,
      (t) => {
        const inputs = [t.x, t.weight, t.bias, undefined, undefined, undefined];
        return batchNormTrainOp.call(inputs, { ...options, epsilon: 1e-5 }).slice(1);
      },
      variant,
    );
    for (let c = 0; c < channels; c++) {
      const column = Array.from(values.filter((_, i) => i % channels === c));
      const exact = column.reduce((sum, value) => sum + value, 0) / rows;
      const variance = column.reduce((sum, value) => sum + (value - exact) ** 2, 0) / rows;
      expect(Math.abs(mean![c]! - exact)).toBeLessThan(1e-3); // float32 steps by 0.00098 there
      expect(Math.abs(rstd![c]! * Math.sqrt(variance + 1e-5) - 1)).toBeLessThan(2e-6);
    }
  });
});

// What a deep network makes of rounding: its batch norms over few rows amplify it, so theirs must be little more than storing costs.
describe('batch norm over 16 rows rounds like its last operations, not like its statistics', () => {
  const [rows, channels] = [16, 512];
  const values = Float32Array.from(
    { length: rows * channels },
    (_, i) => (i % 2 ? 1 : -1) + 1.7 * hashUniform('few rows', i),
  );
  const given = {
    x: { shape: [rows, channels], values },
    weight: { shape: [channels], values: Array.from({ length: channels }, (_, c) => 1 + 0.1 * Math.sin(c)) },
    bias: { shape: [channels], values: Array.from({ length: channels }, (_, c) => 0.1 * Math.cos(c)) },
  };
  const run = (runtime: Runtime, variant?: string) =>
    evaluate(
      runtime,
      given,
      (t) => batchNormTrainOp.call([t.x, t.weight, t.bias], { ...options, epsilon: 1e-5 }),
      variant,
    );

  test.each(Object.keys(batchNormTrainOp.variants))('%s', async (variant) => {
    const [y, mean, rstd] = await run(gpu, variant);
    const [exactY, exactMean, exactRstd] = await run(new ReferenceRuntime());
    const ulps = (got: number[], want: number[]): number =>
      2 ** 24 * Math.sqrt(got.reduce((sum, v, i) => sum + (v - want[i]!) ** 2, 0) / sumOfSquares(want));
    expect(ulps(mean!, exactMean!)).toBeLessThan(0.75);
    expect(ulps(rstd!, exactRstd!)).toBeLessThan(1.1);
    expect(ulps(y!, exactY!)).toBeLessThan(1.5);
  });
});

const sumOfSquares = (values: number[]): number => values.reduce((sum, value) => sum + value * value, 0);

describe('batch norm refuses', () => {
  const build = (shape: number[], channels: number, residual?: number[]) => () => {
    const graph = new Graph();
    const tensor = (name: string, of: number[]) => graph.buffer(name, of);
    const layer = { weight: tensor('weight', [channels]), bias: tensor('bias', [channels]) };
    const activation = residual ? 'swish' : 'none';
    const skip = residual && tensor('skip', residual);
    return batchNormTrain(tensor('x', shape), layer, { ...options, activation }, skip);
  };

  test('a single value per channel', () => {
    expect(build([1, 64], 64)).toThrow(
      'batchNormTrain: one value per channel has no variance, got x [1,64]; use a batch of two or more',
    );
  });
  test('another number of channels', () => {
    expect(build([4, 8], 7)).toThrow('weight wants [8], one value per channel of x, got [7]');
  });
  test('a residual of another shape, or with swish', () => {
    expect(build([4, 8], 8, [4, 7])).toThrow('the residual wants the shape of x [4,8], got [4,7]');
    expect(build([4, 8], 8, [4, 8])).toThrow("a residual goes with 'none' or 'relu', not 'swish'");
  });
});
