import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  epochBatches,
  epochPlan,
  evaluationBatches,
  type ImageSource,
  mixup,
  type TrainingBatch,
} from '../../src/data/batches.js';
import { Decoder } from '../../src/data/decoder.js';
import { SampleList } from '../../src/data/samples.js';
import { Rng } from '../../src/rng.js';
import { plainPng, temporaryFolder, write } from './files.js';

/** Clips of these lengths, labelled 0, 1, 0, ...; image i of all is filled with the byte i. */
function samplesOf(...lengths: number[]): SampleList {
  let next = 0;
  const folders = lengths.map((length, clip) => ({
    key: `${clip}`,
    dir: `${clip}`,
    label: (clip % 2) as 0 | 1,
    frames: Array.from({ length }, () => `${next++}.png`),
  }));
  return new SampleList('train split of Set', folders);
}

const idOf = (file: string) => Number(/(\d+)\.png$/.exec(file)![1]);

/** Pictures without files or threads: 1x1, all three channels the file's number. Notes what it is asked for. */
function fakeSource(unreadable: number[] = []) {
  const asked: string[] = [];
  const source: ImageSource = {
    bad: new Map(),
    imageBytes: 3,
    decode: async (file, ...key) => {
      asked.push([file, ...key].join(' '));
      if (unreadable.includes(idOf(file))) {
        (source.bad as Map<string, string>).set(file, 'torn');
        return { ok: false, cause: 'torn' };
      }
      return { ok: true, bytes: new Uint8Array(3).fill(idOf(file)) };
    },
  };
  return { source, asked };
}

async function all<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const batch of batches) list.push(batch);
  return list;
}

const first = ({ images }: { images: Uint8Array }) => [...images].filter((_, i) => i % 3 === 0);
const epoch = { seed: 3, epoch: 2, bs: 4, alpha: 0.5 };

describe('training batches', () => {
  it('hold every sample once, in an order of their own each epoch and seed', async () => {
    const samples = samplesOf(5, 4, 2);
    const run = (o: object) => all(epochBatches(samples, fakeSource().source, { ...epoch, ...o }));
    const orders = [];
    for (const o of [{}, { epoch: 3 }, { seed: 4 }]) {
      const batches = await run(o);
      const order = batches.flatMap(({ samples }) => samples);
      expect(batches.map(({ samples }) => samples.length)).toEqual([4, 4, 3]);
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 11 }, (_, i) => i));
      expect(batches.flatMap(first)).toEqual(order);
      expect(batches.flatMap(({ labels }) => [...labels])).toEqual(order.map((i) => samples.at(i).label));
      orders.push(order.join());
    }
    expect(new Set(orders).size).toBe(3);
  });

  it('begin at any step as if they had begun at 0', async () => {
    const samples = samplesOf(9, 10);
    const uncut = await all(epochBatches(samples, fakeSource([7]).source, epoch));
    for (const firstStep of [0, 1, 4, 5])
      expect(await all(epochBatches(samples, fakeSource([7]).source, { ...epoch, firstStep }))).toEqual(
        uncut.slice(firstStep),
      );
  });

  it('mix with one share and one permutation a batch', async () => {
    const batches = await all(epochBatches(samplesOf(6, 4), fakeSource().source, epoch));
    for (const { step, samples, lambda, permutation } of batches)
      expect({ lambda, permutation }).toEqual(mixup(3, 2, step, samples.length, 0.5));
    const [plain] = await all(
      epochBatches(samplesOf(4), fakeSource().source, { ...epoch, alpha: undefined }),
    );
    expect([plain!.lambda, ...plain!.permutation]).toEqual([1, 0, 1, 2, 3]);
  });

  it('augment by place in the epoch, so that a repeated image varies', async () => {
    const { source, asked } = fakeSource();
    await all(epochBatches(new SampleList('x', samplesOf(2).folders, () => 2), source, epoch));
    expect(asked.map((task) => task.replace(/^\S+ /, ''))).toEqual(
      [0, 1, 2, 3].map((position) => `3 augment 2 ${position}`),
    );
  });

  it('put the next readable image of the order in the place of a bad one', async () => {
    const samples = samplesOf(5, 6);
    const order = [...new Rng(3, 'shuffle', 2).permutation(11)];
    const bad = [order[2]!, order[3]!, order[10]!];
    const batches = await all(epochBatches(samples, fakeSource(bad).source, epoch));
    const expected = [...order];
    expected[2] = expected[3] = order[4]!;
    expected[10] = order[0]!;
    expect(batches.flatMap(({ samples }) => samples)).toEqual(expected);
    expect(batches.flatMap(first)).toEqual(expected);
    expect(batches.flatMap(({ labels }) => [...labels])).toEqual(expected.map((i) => samples.at(i).label));
  });

  it('stop when no image can be read', async () => {
    const { source } = fakeSource([0, 1, 2]);
    await expect(all(epochBatches(samplesOf(3), source, epoch))).rejects.toThrow(
      'train split of Set: none of its 3 images can be read, e.g. 0/0.png (torn)',
    );
  });

  it('are made ahead of use, two at a time and no more', async () => {
    const { source, asked } = fakeSource();
    const batches = epochBatches(samplesOf(40), source, epoch);
    await batches.next();
    expect(asked).toHaveLength(12);
    await batches.next();
    expect(asked).toHaveLength(16);
    await batches.return();
    expect(asked).toHaveLength(16);
    const sparing = fakeSource();
    await epochBatches(samplesOf(40), sparing.source, { ...epoch, ahead: 0 }).next();
    expect(sparing.asked).toHaveLength(4);
  });
});

describe('threads', () => {
  it('leave batches as they are, however many they are', async () => {
    const dir = temporaryFolder();
    for (let i = 0; i < 23; i++) write(join(dir, `${i}.png`), i % 9 === 4 ? 'torn' : await plainPng(i));
    const frames = Array.from({ length: 23 }, (_, i) => `${i}.png`);
    const samples = new SampleList('x', [{ key: 'x', dir, label: 1, frames }], () => 2);
    const runs: TrainingBatch[][] = [];
    for (const workers of [1, 3]) {
      const told: string[] = [];
      const onBad = (file: string) => told.push(file);
      const decoder = new Decoder({ size: 2, channelOrder: 'rgb', workers, onBad });
      onTestFinished(() => decoder.close());
      runs.push(await all(epochBatches(samples, decoder, { ...epoch, bs: 5 })));
      expect(told.map(idOf).sort((a, b) => a - b)).toEqual([4, 13, 22]);
    }
    expect(runs[0]).toEqual(runs[1]);
    expect(runs[0]!.map(({ images }) => images.length / 12)).toEqual([5, 5, 5, 5, 5, 5, 5, 5, 5]);
    for (const { images, samples: indices } of runs[0]!)
      expect([...images].filter((_, i) => i % 12 === 0)).toEqual(indices.map((i) => i % 23));
  });
});

describe('evaluation batches', () => {
  it('go through the samples in order, without the bad ones', async () => {
    const samples = samplesOf(3, 7);
    const batches = await all(evaluationBatches(samples, fakeSource([0, 2, 9]).source, { bs: 3 }));
    expect(batches.map(({ step, samples }) => [step, ...samples])).toEqual([
      [0, 1],
      [1, 3, 4, 5],
      [2, 6, 7, 8],
    ]);
    expect(batches.map(first)).toEqual([[1], [3, 4, 5], [6, 7, 8]]);
    expect(batches.map(({ labels }) => [...labels])).toEqual([[0], [1, 1, 1], [1, 1, 1]]);
    expect(
      await all(evaluationBatches(samples, fakeSource([0, 2, 9]).source, { bs: 3, firstStep: 2 })),
    ).toEqual(batches.slice(2));
  });

  it('stop when no image can be read', async () => {
    await expect(all(evaluationBatches(samplesOf(2), fakeSource([0, 1]).source, { bs: 1 }))).rejects.toThrow(
      'train split of Set: none of its 2 images can be read, e.g. 0/0.png (torn)',
    );
  });
});

describe('an epoch', () => {
  it.each([
    [12, 4, { steps: 3, tail: 0, dropped: 0 }],
    [11, 4, { steps: 3, tail: 3, dropped: 0 }],
    [13, 4, { steps: 3, tail: 0, dropped: 1 }],
    [3, 256, { steps: 1, tail: 3, dropped: 0 }],
    [2, 2, { steps: 1, tail: 0, dropped: 0 }],
  ])('of %i images by %i', async (n, bs, plan) => {
    expect(epochPlan(n, bs)).toEqual(plan);
    const batches = await all(epochBatches(samplesOf(n), fakeSource().source, { ...epoch, bs }));
    expect(batches).toHaveLength(plan.steps);
    expect(batches.flatMap(({ samples }) => samples)).toHaveLength(n - plan.dropped);
  });

  it('refuses batches without variance', () => {
    expect(() => epochPlan(10, 1)).toThrow(
      '--bs 1: batch norm has no variance over one image; --bs must be at least 2',
    );
    expect(() => epochPlan(1, 4)).toThrow('training needs at least 2 images, there is 1');
  });
});

describe('mixup', () => {
  const lambdas = (alpha: number) =>
    Array.from({ length: 20_000 }, (_, i) => mixup(0, 1, i, 2, alpha).lambda);

  // Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)), fourth central moment 3 / (16 (2a + 1) (2a + 3)).
  it.each([0.5, 1, 4])('draws its share from Beta(alpha, alpha), alpha %d', (alpha) => {
    const draws = lambdas(alpha);
    const moment = (k: number) => draws.reduce((sum, v) => sum + (v - 0.5) ** k, 0) / draws.length;
    const variance = 1 / (4 * (2 * alpha + 1));
    const fourth = 3 / (16 * (2 * alpha + 1) * (2 * alpha + 3));
    const fourSigma = (of: number) => 4 * Math.sqrt(of / draws.length);
    expect(Math.abs(moment(1))).toBeLessThan(fourSigma(variance));
    expect(Math.abs(moment(2) - variance)).toBeLessThan(fourSigma(fourth - variance ** 2));
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThanOrEqual(1);
  });

  it('permutes all of the batch, otherwise at every step', () => {
    const steps = [0, 1, 2].map((step) => [...mixup(0, 1, step, 50, 0.5).permutation]);
    for (const permutation of steps)
      expect([...permutation].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(new Set(steps.map(String)).size).toBe(3);
  });
});
