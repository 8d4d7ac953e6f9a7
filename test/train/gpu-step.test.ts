import { afterAll, expect, test } from 'vitest';
import { ReferenceRuntime } from '../../src/engine/reference-runtime.js';
import type { Runtime } from '../../src/engine/runtime.js';
import type { NumberArray } from '../../src/engine/tensor.js';
import { initialise } from '../../src/model/initialise.js';
import type { ModelName } from '../../src/model/names.js';
import { openRuntime } from '../../src/platform/node/runtime.js';
import { Rng } from '../../src/rng.js';
import type { ProgramConfig } from '../../src/train/programs.js';
import { Session, type StepLosses } from '../../src/train/session.js';
import { momentBuffers } from '../../src/train/updates.js';

const opened = await openRuntime();
afterAll(() => opened.runtime.close());

const BATCH = 6;

interface Change {
  readonly model?: ModelName;
  readonly size?: number;
  readonly loss?: Partial<ProgramConfig['loss']>;
  readonly optimizer?: Partial<ProgramConfig['optimizer']>;
  readonly slice?: number;
  readonly recompute?: boolean;
}

const configOf = ({
  model = 'tiny',
  size = 32,
  loss = {},
  optimizer = {},
  recompute = false,
}: Change): ProgramConfig => ({
  net: { model, libs: 2, gil: true, lil: true },
  loss: { gil: true, lil: true, calculator: 'kl', temperature: 1.5, method: 'auto', scales: [], ...loss },
  optimizer: { kind: 'adam', weightDecay: 1e-2, momentum: 0, nesterov: false, ...optimizer },
  size,
  dropout: 0.5,
  recompute,
});

interface Outcome {
  readonly losses: StepLosses;
  readonly gradients: NumberArray;
  readonly weights: NumberArray;
  readonly bytes: number;
}

/** One step, with dropout and mixup, from weights drawn alike. */
async function oneStep(runtime: Runtime, change: Change, seed = 0): Promise<Outcome> {
  const config = configOf(change);
  const session = await Session.create(runtime, config, {
    batches: [BATCH],
    evaluationBatch: BATCH,
    samples: BATCH,
    ...(change.slice ? { slice: change.slice } : {}),
  });
  await initialise(runtime, session.table, seed);
  const rng = new Rng('gpu step', `${seed}`);
  const images = Uint8Array.from({ length: BATCH * config.size ** 2 * 3 }, () => rng.below(256));
  const labels = Uint32Array.from({ length: BATCH }, (_, i) => i % 2);
  const batch = { images, labels, permutation: rng.permutation(BATCH), lambda: 0.3 };
  const read = (buffer: string) => runtime.read(buffer, 0, session.table.length('trained'));
  const before = await read('trained');
  const scalars = { seed: 7, epoch: 2, step: 5, lr: 1e-3, taskLr: 1e-3, adamSteps: 1, slot: 3, scoreRow: 0 };
  await session.train(batch, scalars);
  await session.idle();
  const { kind, weightDecay } = config.optimizer;
  const moment = await read(momentBuffers('trained')[0]);
  const share = kind === 'adam' ? 0.1 : 1; // of a first gradient, and its decay, in the moment that it leaves
  const outcome = {
    losses: (await session.losses(3, 1))[0]!,
    gradients: moment.map((value, i) => value / share - weightDecay * before[i]!),
    weights: await read('trained'),
    bytes: runtime.allocated,
  };
  runtime.release();
  return outcome;
}

/** |a - b| / |b|. */
function distance(a: NumberArray, b: NumberArray): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}

/**
 * METHOD 8 grants 1e-4 for the terms and gradients of w, whose potentials are divided by 0.01 in an exponent (PyTorch's float32: 2e-5,
 * 3e-5) and whose iterations are unrolled. Adam's first step follows signs, also those of gradients that are rounding errors.
 */
function tolerances({ loss }: Change): { terms: number; gradients: number; weights: number } {
  if (loss?.calculator) return { terms: 1e-4, gradients: 1e-4, weights: 2e-4 };
  return { terms: 1e-5, gradients: 1e-5, weights: 2e-5 };
}

test.each<[string, Change]>([
  ['mixup, dropout, kl, auto', {}],
  ['w', { loss: { calculator: 'w' } }],
  ['wp', { loss: { calculator: 'wp' } }],
  ['hyper', { loss: { method: 'hyper', scales: [1, 2, 10] } }],
  ['a plain sum', { loss: { method: 'sum' } }],
  ['sgd with momentum', { optimizer: { kind: 'sgd', momentum: 0.9 } }],
  ["sgd with Nesterov's momentum", { optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true } }],
  ['slices of 4 and 2', { slice: 4 }],
])(
  'a training step with %s on the GPU is the float64 one',
  async (_, change) => {
    const got = await oneStep(opened.runtime.sibling(), change);
    const want = await oneStep(new ReferenceRuntime(), change);
    const { terms, gradients, weights } = tolerances(change);
    const losses = { total: 1e-5, ce: 1e-5, gil: terms, lil: terms };
    for (const key of ['total', 'ce', 'gil', 'lil'] as const)
      expect(Math.abs(got.losses[key] / want.losses[key] - 1), key).toBeLessThan(losses[key]);
    expect(distance(got.gradients, want.gradients)).toBeLessThan(gradients);
    expect(distance(got.weights, want.weights)).toBeLessThan(weights);
  },
  200_000,
);

/**
 * In deep networks some ReLU inputs lie within rounding of zero, and the gradients behind them come or go as a whole: 0.2 to 3 % of the
 * gradient's length, for most seeds. A fault in a kernel is there for every seed. Losses as METHOD 8 grants them to a first step.
 */
test.each<[ModelName, number]>([
  ['resnet18', 2],
  ['mobilenet', 4],
  ['efficientnet-b0', 1],
])(
  'steps of %s on the GPU are the float64 ones, but for ReLUs that rounding turns',
  async (model, seeds) => {
    const distances: number[] = [];
    for (let seed = 0; seed < seeds; seed++) {
      const got = await oneStep(opened.runtime.sibling(), { model }, seed);
      const want = await oneStep(new ReferenceRuntime(), { model }, seed);
      for (const key of ['total', 'ce', 'gil', 'lil'] as const)
        expect(Math.abs(got.losses[key] / want.losses[key] - 1), key).toBeLessThan(3e-4);
      distances.push(distance(got.gradients, want.gradients));
    }
    expect(Math.min(...distances), `${distances}`).toBeLessThan(5e-3);
    expect(Math.max(...distances), `${distances}`).toBeLessThan(5e-2);
  },
  200_000,
);

test.each<[string, Change]>([
  ['tiny', {}],
  ['tiny in slices', { slice: 4 }],
  ['mobilenet', { model: 'mobilenet' }],
])('%s with --recompute takes the same step, to the bit, in less memory', async (_, change) => {
  const kept = await oneStep(opened.runtime.sibling(), change);
  const again = await oneStep(opened.runtime.sibling(), { ...change, recompute: true });
  expect(again.losses).toEqual(kept.losses);
  for (const key of ['gradients', 'weights'] as const)
    expect(Buffer.from(again[key].buffer).equals(Buffer.from(kept[key].buffer)), key).toBe(true);
  expect(again.bytes).toBeLessThan(kept.bytes);
});
