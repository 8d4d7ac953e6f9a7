import { describe, expect, test } from 'vitest';
import { ReferenceRuntime } from '../../src/engine/reference-runtime.js';
import { sizeOf } from '../../src/engine/tensor.js';
import { initialise } from '../../src/model/initialise.js';
import { GRADIENTS, ParameterTable } from '../../src/model/parameters.js';
import { ProgramBuilder, type ProgramConfig } from '../../src/train/programs.js';
import { Session } from '../../src/train/session.js';
import { momentBuffers } from '../../src/train/updates.js';

const config = (change: Partial<ProgramConfig['net']> = {}): ProgramConfig => {
  const net = { model: 'tiny' as const, libs: 2, gil: true, lil: true, ...change };
  return {
    net,
    loss: { gil: net.gil, lil: net.lil, calculator: 'kl', temperature: 1.5, method: 'auto', scales: [] },
    optimizer: { kind: 'adam', weightDecay: 1e-6, momentum: 0, nesterov: false },
    size: 32,
    dropout: 0,
  };
};

/** One step on four images, the second pair equal to the first, on the float64 reference. */
async function oneStep(slice?: number): Promise<Session> {
  const runtime = new ReferenceRuntime();
  const session = await Session.create(runtime, config(), {
    batches: [4],
    evaluationBatch: 4,
    samples: 4,
    ...(slice ? { slice } : {}),
  });
  await initialise(runtime, session.table, 0);
  const pair = Uint8Array.from({ length: 2 * 32 * 32 * 3 }, (_, i) => (i * i) % 251);
  const images = Uint8Array.from([...pair, ...pair]);
  const batch = {
    images,
    labels: Uint32Array.of(0, 1, 0, 1),
    permutation: Uint32Array.of(0, 1, 2, 3),
    lambda: 1,
  };
  await session.train(batch, {
    seed: 0,
    epoch: 1,
    step: 0,
    lr: 1e-3,
    taskLr: 2e-3,
    adamSteps: 1,
    slot: 0,
    scoreRow: 0,
  });
  return session;
}

/** Adam's first moment: a tenth of the first step's gradient. */
const readMoment = ({ runtime, table }: Pick<Session, 'runtime' | 'table'>) =>
  runtime.read(momentBuffers('trained')[0], 0, table.length('trained'));

test("Adam's first step moves every parameter by the learning rate, against its gradient: both bias corrections are there", async () => {
  const { runtime, table } = await oneStep();
  const before = new ReferenceRuntime();
  before.allocate('trained', 'f32', table.length('trained'));
  before.allocate('running', 'f32', table.length('running'));
  before.allocate('tasks', 'f32', table.length('tasks'));
  await initialise(before, table, 0);
  const [p, q, g] = await Promise.all([
    runtime.read('trained', 0, table.length('trained')),
    before.read('trained', 0, table.length('trained')),
    readMoment({ runtime, table }),
  ]);
  let moved = 0;
  g.forEach((moment, i) => {
    if (Math.abs(moment) < 1e-4) return;
    expect((q[i]! - p[i]!) * Math.sign(moment)).toBeCloseTo(1e-3, 7);
    moved++;
  });
  expect(moved).toBeGreaterThan(1000);
  const tasks = await runtime.read('tasks', 0, 3);
  for (const w of tasks) expect(Math.abs(w - 1)).toBeCloseTo(2e-3, 7);
});

test('slices record their statistics once each, although their forward pass is computed twice', async () => {
  const [whole, sliced] = [await oneStep(), await oneStep(2)];
  const mean = whole.table.list().find(({ name }) => name === 'bn1.running_mean')!;
  const read = (session: Session) => session.runtime.read('running', mean.offset, sizeOf(mean.shape));
  const [once, twice] = [await read(whole), await read(sliced)];
  // Two equal halves: the running mean goes from 0 to 0.1 of the batch mean, or to 0.19 of it in two updates.
  for (const [c, value] of twice.entries()) expect(value).toBeCloseTo((once[c]! * 0.19) / 0.1, 9);
});

test('two slices of equal halves, updated at the end, give the whole step, updated on the way back', async () => {
  const [whole, sliced] = [await oneStep(), await oneStep(2)];
  const [want, got] = [await readMoment(whole), await readMoment(sliced)];
  let largest = 0;
  want.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value));
    expect(Math.abs(got[i]! - value)).toBeLessThan(1e-8);
  });
  expect(largest).toBeGreaterThan(1e-3);
});

describe('what is trained is what has a path to the loss', () => {
  test.each([
    { model: 'tiny', gil: true, lil: true },
    { model: 'mobilenet', gil: true, lil: true },
    { model: 'resnet18', gil: false, lil: true },
    { model: 'tiny', gil: true, lil: false },
    { model: 'tiny', gil: false, lil: false },
  ] as const)('$model, gil $gil, lil $lil', (change) => {
    const table = new ParameterTable();
    const builder = new ProgramBuilder(config(change), table, 8);
    const written = new Set<number>();
    for (const { graph } of [builder.trainFeatures(4, 2), builder.trainHeads(4), builder.trainSlice(4, 2)])
      for (const { storage } of graph.nodes.flatMap(({ outputs }) => outputs.map(({ root }) => root)))
        if (storage.kind === 'buffer' && storage.buffer === GRADIENTS.trained) written.add(storage.offset);
    const trained = table.list().filter(({ home }) => home === 'trained');
    expect(new Set(trained.map(({ offset }) => offset))).toEqual(written);
    const frozen = table
      .list()
      .filter(({ home }) => home === 'frozen')
      .map(({ name }) => name.split('.')[0]);
    const expected = [
      ...(change.model === 'mobilenet' ? ['fc'] : []),
      ...(change.lil ? [] : ['local_linear1', 'local_linear2']),
      ...(change.gil ? [] : ['baseline_linear']),
    ];
    expect([...new Set(frozen)].sort()).toEqual(expected.sort());
  });
});
