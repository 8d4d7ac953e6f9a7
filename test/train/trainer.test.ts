import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { ImageSource } from '../../src/data/batches.js';
import { SampleList } from '../../src/data/samples.js';
import { EventWriter } from '../../src/io/tensorboard.js';
import { initialise } from '../../src/model/initialise.js';
import { GRADIENTS } from '../../src/model/parameters.js';
import { openRuntime } from '../../src/platform/node/runtime.js';
import { Rng } from '../../src/rng.js';
import type { ProgramConfig } from '../../src/train/programs.js';
import { RunFiles } from '../../src/train/run-files.js';
import { Session } from '../../src/train/session.js';
import { initialState } from '../../src/train/state.js';
import { Trainer } from '../../src/train/trainer.js';

const SIZE = 32;
const STEPS = 134;
const WEIGHT_DECAY = 1e-3;
const folder = mkdtempSync(join(tmpdir(), 'clew-trainer-'));
const opened = await openRuntime();
afterAll(async () => {
  await opened.runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

const config = (optimizer: ProgramConfig['optimizer']): ProgramConfig => ({
  net: { model: 'tiny', libs: 2, gil: true, lil: true },
  loss: { gil: true, lil: true, calculator: 'kl', temperature: 1.5, method: 'auto', scales: [] },
  optimizer,
  size: SIZE,
  dropout: 0.5,
});

/** Noise; the file's name says which. */
const noise: ImageSource = {
  bad: new Map(),
  imageBytes: SIZE * SIZE * 3,
  decode: async (file) => {
    const rng = new Rng(file);
    return { ok: true, bytes: Uint8Array.from({ length: SIZE * SIZE * 3 }, () => rng.below(256)) };
  },
};

const samples = (name: string, frames: number): SampleList =>
  new SampleList(
    name,
    ([0, 1] as const).map((label) => ({
      key: `${name} ${label}`,
      dir: `${name}${label}`,
      frames: Array.from({ length: frames / 2 }, (_, i) => `${i}.png`),
      label,
    })),
  );

/** The optimizer in plain numbers, one value at a time; `reset` is what an epoch begins with. */
class ByHand {
  private m: number[] = [];
  private v: number[] = [];
  private t = 0;

  constructor(
    readonly values: number[],
    private readonly kind: 'adam' | 'sgd',
  ) {
    this.reset();
  }

  reset(): void {
    this.m = this.values.map(() => 0);
    this.v = this.values.map(() => 0);
    this.t = 0;
  }

  step(gradients: ArrayLike<number>, base: number): void {
    const rate = 0.5 * base * (1 + Math.cos((Math.PI * this.t) / 150));
    this.t++;
    this.values.forEach((p, i) => {
      const g = gradients[i]! + WEIGHT_DECAY * p;
      this.m[i] = this.kind === 'adam' ? 0.9 * this.m[i]! + 0.1 * g : 0.9 * this.m[i]! + g;
      this.v[i] = 0.999 * this.v[i]! + 0.001 * g * g;
      const [m, v] = [this.m[i]! / (1 - 0.9 ** this.t), this.v[i]! / (1 - 0.999 ** this.t)];
      this.values[i] = p - rate * (this.kind === 'adam' ? m / (Math.sqrt(v) + 1e-8) : this.m[i]!);
    });
  }
}

/** 402 steps in 3 epochs, in slices, which leave their gradients; the first evaluation halves the rate, for the losses before it rose. */
async function train(kind: 'adam' | 'sgd') {
  const optimizer = { kind, weightDecay: WEIGHT_DECAY, momentum: 0.9, nesterov: false };
  const session = await Session.create(opened.runtime.sibling(), config(optimizer), {
    batches: [4],
    slice: 2,
    evaluationBatch: 2,
    samples: 4 * STEPS,
  });
  const { runtime } = session;
  await initialise(runtime, session.table, 0);
  // The last values are those of a head that sees every batch; the w_k follow by themselves.
  const count = 2000;
  const first = session.table.length('trained') - count;
  const network = new ByHand([...(await runtime.read('trained', first, count))], kind);
  const tasks = new ByHand([1, 1, 1], kind);
  const momentsAtStart: number[] = [];
  const real = session.train.bind(session);
  session.train = async (batch, scalars) => {
    if (scalars.step === 0) {
      for (const { buffer, elements } of session.moments())
        momentsAtStart.push(...(await runtime.read(buffer, 0, elements)).filter((value) => value !== 0));
      network.reset();
      tasks.reset();
    }
    await real(batch, scalars);
    await session.idle();
    network.step(await runtime.read(GRADIENTS.trained, first, count), scalars.epoch === 1 ? 2e-3 : 1e-3);
    tasks.step(await runtime.read(GRADIENTS.tasks, 0, 3), 1e-3);
  };
  const files = await RunFiles.open({ savePath: folder, name: kind, overwrite: false });
  const events = new EventWriter(join(folder, 'runs', kind));
  const trainer = new Trainer(
    session,
    { training: samples('train', 4 * STEPS), selecting: samples('val', 4), decoder: noise },
    files,
    events,
    {
      epochs: 3,
      bs: 4,
      testBs: 2,
      seed: 0,
      alpha: 0.5,
      saveEvery: 0,
      saveModel: false,
      taskLr: 1e-3,
      about: {},
    },
    { progress: () => {}, log: async () => {}, interrupted: () => false },
    { ...initialState(2e-3), history: [5, 6, 7, 8] },
  );
  await trainer.run();
  const got = {
    network: await runtime.read('trained', first, count),
    tasks: await runtime.read('tasks', 0, 3),
  };
  await events.close();
  session.runtime.release();
  return { got, network, tasks, momentsAtStart };
}

const largestDifference = (got: ArrayLike<number>, want: readonly number[]): number =>
  want.reduce((most, value, i) => Math.max(most, Math.abs(got[i]! - value)), 0);

test.each([
  'adam',
  'sgd',
] as const)('%s with its cosine and a halving takes 402 steps in 3 epochs as computed by hand, its state zero at each epoch', async (kind) => {
  const { got, network, tasks, momentsAtStart } = await train(kind);
  expect(momentsAtStart).toEqual([]);
  expect(largestDifference(got.network, network.values)).toBeLessThan(2e-5);
  expect(largestDifference(got.tasks, tasks.values)).toBeLessThan(2e-5);
  expect(Math.abs(got.tasks[0]! - 1)).toBeGreaterThan(1e-2);
}, 400_000);
