import { afterAll, expect, test } from 'vitest';
import { initialise } from '../../src/model/initialise.js';
import { openRuntime } from '../../src/platform/node/runtime.js';
import type { ProgramConfig } from '../../src/train/programs.js';
import { Session } from '../../src/train/session.js';

const opened = await openRuntime();
afterAll(() => opened.runtime.close());

const config: ProgramConfig = {
  net: { model: 'tiny', libs: 2, gil: true, lil: true },
  loss: { gil: true, lil: true, calculator: 'kl', temperature: 1.5, method: 'auto', scales: [] },
  optimizer: { kind: 'adam', weightDecay: 1e-6, momentum: 0, nesterov: false },
  size: 32,
  dropout: 0.5,
};

/** Counts calls of every create*, mapAsync and submit of the real device, queue and buffers. */
function countCalls(device: GPUDevice): Map<string, number> {
  const calls = new Map<string, number>();
  const wrap = (target: object, names: readonly string[]): void => {
    for (const name of names) {
      const real = Reflect.get(target, name) as (...given: unknown[]) => unknown;
      Object.defineProperty(target, name, {
        configurable: true,
        enumerable: true,
        value(this: unknown, ...given: unknown[]) {
          calls.set(name, (calls.get(name) ?? 0) + 1);
          return real.apply(this, given);
        },
      });
    }
  };
  const creators: string[] = [];
  for (const name in device) if (name.startsWith('create')) creators.push(name);
  wrap(device, creators);
  wrap(device.queue, ['submit']);
  const probe = device.createBuffer({ size: 4, usage: 0x1 | 0x8 });
  wrap(Object.getPrototypeOf(probe), ['mapAsync']);
  probe.destroy();
  calls.clear();
  return calls;
}

test.each([
  { slice: undefined },
  { slice: 3 },
])('steps 2 to 50 create nothing and read nothing back (micro batch $slice)', async ({ slice }) => {
  const { device } = opened.device!;
  const calls = countCalls(device);
  const runtime = opened.runtime.sibling();
  const bs = 8;
  const sizes = { batches: [bs], evaluationBatch: bs, samples: 50 * bs, ...(slice ? { slice } : {}) };
  const session = await Session.create(runtime, config, sizes);
  await initialise(runtime, session.table, 0);
  const step = (i: number): Promise<void> =>
    session.train(
      {
        images: Uint8Array.from({ length: bs * 32 * 32 * 3 }, (_, k) => (k * 7 + i) % 256),
        labels: Uint32Array.from({ length: bs }, (_, k) => k % 2),
        permutation: Uint32Array.from({ length: bs }, (_, k) => (k + 1) % bs),
        lambda: 0.7,
      },
      { seed: 0, epoch: 1, step: i, lr: 1e-3, taskLr: 1e-3, adamSteps: i + 1, slot: i, scoreRow: i * bs },
    );
  await step(0);
  await session.losses(0, 1);
  for (const name of [
    'createBuffer',
    'createBindGroup',
    'createComputePipelineAsync',
    'createShaderModule',
    'createCommandEncoder',
    'submit',
    'mapAsync',
  ])
    expect(calls.get(name), name).toBeGreaterThan(0);
  calls.clear();
  for (let i = 1; i < 50; i++) await step(i);
  await session.idle();
  expect(Object.fromEntries(calls)).toEqual({ createCommandEncoder: 49, submit: 49 });
  const losses = await session.losses(0, 50);
  expect(losses.every(({ total }) => Number.isFinite(total))).toBe(true);
  expect(losses[49]!.total).toBeLessThan(losses[0]!.total);
  runtime.release();
});
