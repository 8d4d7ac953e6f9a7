import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backward } from '../../src/engine/autograd.js';
import { ReferenceRuntime } from '../../src/engine/reference-runtime.js';
import type { Runtime } from '../../src/engine/runtime.js';
import { Graph, type Tensor } from '../../src/engine/tensor.js';
import { recordLosses } from '../../src/kernels/record-losses.js';
import { sinkhorn } from '../../src/kernels/sinkhorn.js';
import { softmaxKl } from '../../src/kernels/softmax-kl.js';
import { openRuntime } from '../../src/platform/node/runtime.js';
import { balance, type LossConfig, lossTerms } from '../../src/train/losses.js';
import {
  type GoldenLoss,
  type GoldenSinkhorn,
  verifyLoss,
  verifySinkhorn,
} from '../../src/verify/golden-losses.js';

const golden = <T>(name: string): T[] =>
  JSON.parse(readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8')) as T[];

const CONFIG: LossConfig = {
  gil: true,
  lil: true,
  calculator: 'kl',
  temperature: 1.5,
  method: 'hyper',
  scales: [1, 2, 10],
};

/** Two heads' worth of logits for four samples, and what is done with them. */
const VALUES: Record<string, number[]> = {
  z: [0.5, -0.25, 1, 2, -1, 0.75, 0.1, 0.2],
  f: [1.5, -0.5, -1, 0.25, 0.3, 0.9, -0.7, 0.6],
  l0: [-0.4, 0.8, 0.2, 0.1, 1.2, -1.1, 0.05, 0.4],
  l1: [0.9, 0.3, -0.6, -0.2, 0.7, 0.35, -1.4, 0.15],
};
const LABELS = [1, 0, 1, 1];
const PERMUTATION = [2, 3, 1, 0];
const LAMBDA = 0.3;

let gpu: Runtime;
beforeAll(async () => {
  ({ runtime: gpu } = await openRuntime());
});
afterAll(() => gpu.close());

/** Runs the losses of VALUES in float64; gives the terms and the total, and the gradient of the total for each head. */
async function losses(config: LossConfig, runtime: Runtime = new ReferenceRuntime()) {
  const graph = new Graph();
  const logits = (name: string): Tensor => {
    const tensor = graph.buffer(name, [4, 2]);
    tensor.gradient = graph.buffer(`d${name}`, [4, 2]);
    return tensor;
  };
  const heads = { z: logits('z'), f: logits('f'), l: [logits('l0'), logits('l1')] };
  const mixup = { permutation: graph.buffer('permutation', [4], 'u32'), lambda: graph.buffer('lambda', [1]) };
  const terms = lossTerms(heads, graph.buffer('labels', [4], 'u32'), mixup, config);
  const total = balance(terms, config);
  backward(total);
  const tensors = Object.entries({ ...terms, total }).filter(
    (entry): entry is [string, Tensor] => !!entry[1],
  );
  const [program] = await runtime.compile([{ name: 'losses', graph, retain: tensors.map(([, t]) => t) }]);
  for (const [name, values] of Object.entries(VALUES)) runtime.write(name, Float64Array.from(values));
  runtime.write('labels', Uint32Array.from(LABELS));
  runtime.write('permutation', Uint32Array.from(PERMUTATION));
  runtime.write('lambda', Float64Array.of(LAMBDA));
  runtime.submit([{ run: program! }]);
  const found: Record<string, number> = {};
  for (const [name, tensor] of tensors) found[name] = (await program!.inspect(tensor))[0]!;
  const gradient = async (name: string) => [...(await runtime.read(`d${name}`, 0, 8))];
  return { found, gradient };
}

/** Cross entropy of two classes by hand: log(1 + exp(other - own)), mixed sample by sample. */
function crossEntropy(logits: readonly number[]): number {
  const one = (b: number, label: number): number =>
    Math.log1p(Math.exp(logits[2 * b + 1 - label]! - logits[2 * b + label]!));
  const each = LABELS.map(
    (label, b) => LAMBDA * one(b, label) + (1 - LAMBDA) * one(b, LABELS[PERMUTATION[b]!]!),
  );
  return each.reduce((a, b) => a + b) / 4;
}

const probabilities = (logits: readonly number[], temperature = 1.5): number[] =>
  logits.map((own, i) => 1 / (1 + Math.exp((logits[i ^ 1]! - own) / temperature)));

/** The mean over all eight elements, not over the four rows. */
const divergence = (a: readonly number[], b: readonly number[]): number => {
  const [pa, pb] = [probabilities(a), probabilities(b)];
  return pb.reduce((sum, p, i) => sum + p * Math.log(p / pa[i]!), 0) / 8;
};

describe.each(['reference', 'adapter'] as const)('golden numbers on the %s', (where) => {
  const runtime = (): Runtime => (where === 'adapter' ? gpu : new ReferenceRuntime());

  test.each(golden<GoldenLoss>('losses.json'))('$name, $mi, B=$B, n=$n', async (entry) => {
    const rows = await verifyLoss(runtime(), 'losses.json', entry);
    expect(rows).toHaveLength(5 + 3 + entry.n);
    expect(rows.filter(({ ok }) => !ok)).toEqual([]);
  });

  test.each(golden<GoldenSinkhorn>('sinkhorn.json'))('$name, B=$B', async (entry) => {
    const rows = await verifySinkhorn(runtime(), 'sinkhorn.json', entry);
    expect(rows).toHaveLength(3);
    expect(rows.filter(({ ok }) => !ok)).toEqual([]);
  });
});

describe('terms', () => {
  const { z, f, l0, l1 } = VALUES as Record<'z' | 'f' | 'l0' | 'l1', number[]>;

  test('all three by hand, with mixup in the cross entropies alone', async () => {
    const { found } = await losses(CONFIG);
    const ce = [z, f, l0, l1].reduce((sum, logits) => sum + crossEntropy(logits), 0);
    const gil = divergence(f, z);
    const lil = Math.exp(-divergence(f, l0) - divergence(f, l1));
    expect(found.ce).toBeCloseTo(ce, 12);
    expect(found.gil).toBeCloseTo(gil, 12);
    expect(found.lil).toBeCloseTo(lil, 12);
    expect(found.total).toBeCloseTo(ce + 2 * gil + 10 * lil, 12);
  });

  test('a loss that is off takes its heads out of the cross entropy', async () => {
    const gilOnly = await losses({ ...CONFIG, lil: false, scales: [1, 2] });
    expect(gilOnly.found.ce).toBeCloseTo(crossEntropy(z) + crossEntropy(f), 12);
    expect(Object.keys(gilOnly.found)).toEqual(['ce', 'gil', 'total']);
    const lilOnly = await losses({ ...CONFIG, gil: false, method: 'sum', scales: [] });
    const ce = crossEntropy(z) + crossEntropy(l0) + crossEntropy(l1);
    expect(lilOnly.found.ce).toBeCloseTo(ce, 12);
    expect(lilOnly.found.total).toBeCloseTo(ce + lilOnly.found.lil!, 12);
    const plain = await losses({ ...CONFIG, gil: false, lil: false, scales: [3] });
    expect(plain.found.total).toBeCloseTo(3 * crossEntropy(z), 12);
  });

  test('the teacher f learns from its cross entropy alone', async () => {
    const { gradient } = await losses({ ...CONFIG, method: 'sum' });
    const expected = probabilities(f, 1).map((p, i) => {
      const b = i >> 1;
      const target = (label: number): number => (label === i % 2 ? 1 : 0);
      const mixed = LAMBDA * target(LABELS[b]!) + (1 - LAMBDA) * target(LABELS[PERMUTATION[b]!]!);
      return (p - mixed) / 4;
    });
    (await gradient('f')).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 12);
    });
  });

  test.each(['kl', 'w', 'wp'] as const)('the adapter agrees with float64 on %s', async (calculator) => {
    const config = { ...CONFIG, calculator };
    const [want, got] = [await losses(config), await losses(config, gpu.sibling())];
    for (const [name, value] of Object.entries(want.found))
      expect(Math.abs(got.found[name]! / value - 1), name).toBeLessThan(calculator === 'kl' ? 1e-5 : 1e-4);
    for (const name of ['z', 'f', 'l0', 'l1']) {
      const [expected, values] = [await want.gradient(name), await got.gradient(name)];
      const scale = Math.max(...expected.map(Math.abs));
      values.forEach((value, i) => {
        expect(Math.abs(value - expected[i]!) / scale, name).toBeLessThan(calculator === 'kl' ? 1e-5 : 1e-4);
      });
    }
  });

  test('w hardly depends on the heads and switches LIL off, wp does not (METHOD 7)', async () => {
    const [w, wp] = [
      await losses({ ...CONFIG, calculator: 'w' }),
      await losses({ ...CONFIG, calculator: 'wp' }),
    ];
    expect(w.found.gil).toBeGreaterThan(2);
    expect(w.found.lil).toBeLessThan(0.01);
    expect(wp.found.gil).toBeLessThan(0.2);
    expect(wp.found.lil).toBeGreaterThan(0.5);
  });
});

describe.each(['reference', 'adapter'] as const)('the record on the %s', (where) => {
  test.each([
    [Number.NaN, 1],
    [Number.POSITIVE_INFINITY, 1],
    [Number.NEGATIVE_INFINITY, 1],
    [3e38, 0],
  ])('a total of %d sets the flag to %d', async (value, flag) => {
    const runtime = where === 'adapter' ? gpu.sibling() : new ReferenceRuntime();
    const graph = new Graph();
    const [total, ce] = [graph.buffer('total', [1]), graph.buffer('ce', [1])];
    const weights = graph.buffer('w', [1]);
    const [slot, raised] = [graph.buffer('slot', [1], 'u32'), graph.buffer('flag', [1], 'u32')];
    recordLosses({ total, ce }, weights, graph.buffer('ring', [4, 8]), slot, raised);
    const [program] = await runtime.compile([{ name: 'record', graph }]);
    runtime.write('total', Float32Array.of(value));
    runtime.write('ce', Float32Array.of(0.5));
    runtime.write('w', Float32Array.of(0.75));
    runtime.write('slot', Uint32Array.of(6));
    runtime.submit([{ run: program! }]);
    expect([...(await runtime.read('flag', 0, 1))]).toEqual([flag]);
    expect([...(await runtime.read('ring', 0, 32))]).toEqual([
      ...new Array<number>(16).fill(0),
      Math.fround(value),
      ...[0.5, 0, 0, 0.75, 0, 0, 0],
      ...new Array<number>(8).fill(0),
    ]);
    runtime.release();
  });
});

test('shapes that do not fit are named', () => {
  const graph = new Graph();
  const a = graph.buffer('a', [3, 2]);
  expect(() => softmaxKl(a, graph.buffer('b', [2, 2]), { temperature: 1 })).toThrow(
    'softmaxKl: wants logits a and b of one shape [B, K] and a temperature above 0; got [3,2], [2,2]',
  );
  const far = graph.buffer('far', [4097, 2]);
  expect(() => sinkhorn(far, far)).toThrow(
    'sinkhorn: wants x and y of one shape [B, D] with B at most 4096 and D at most 8; got [4097,2], [4097,2]',
  );
  const heads = { z: a, f: a, l: [a, a] };
  const mixup = { permutation: graph.buffer('p', [2], 'u32'), lambda: graph.buffer('lambda', [1]) };
  expect(() => lossTerms(heads, graph.buffer('labels', [3], 'u32'), mixup, CONFIG)).toThrow(
    'softmaxCrossEntropy: wants logits [B, K], labels u32 [B], and for mixup permutation u32 [B] and lambda [1]; got [3,2], u32 [3], u32 [2], [1]',
  );
  const loss = graph.buffer('loss', [1]);
  expect(() => balance({ ce: loss, gil: loss }, { method: 'hyper', scales: [1] })).toThrow(
    'weightedSum: wants one scale for each of 2 losses; got [1]',
  );
  expect(() => balance({ ce: loss }, { method: 'auto', scales: [] }, graph.buffer('w', [2]))).toThrow(
    'automaticWeightedLoss: wants weights [1] for 1 losses; got [2]',
  );
});
