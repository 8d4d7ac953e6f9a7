import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { ensureBuiltin } from '../../src/data/builtin/index.js';
import { evaluationSamples, readSplit, type SplitName } from '../../src/data/lists.js';
import { cacheDir } from '../../src/platform/node/cache.js';
import { Rng } from '../../src/rng.js';
import { scoreMetrics } from '../../src/train/metrics.js';
import { GLOBAL_STATISTICS, globalStatistics } from './global-statistics.js';
import { logisticRegression } from './logistic.js';

let datasets: string;

beforeAll(async () => {
  ({ datasetsDir: datasets } = await ensureBuiltin({ cacheDir: cacheDir() }));
}, 180_000);

const split = (name: SplitName) => readSplit('builtin', name, { datasets })!;

/** Identities in a clip's folder name: `060_0` is person 060, `079_063_1` is 063's face on 079. */
const people = (dir: string): string[] => basename(dir).split('_').slice(0, -1);

test('splits share no identity, and each has as many fakes as reals of the same people', () => {
  const seen = new Map<string, SplitName>();
  for (const name of ['train', 'val', 'test'] as const) {
    const { clips, missing } = split(name);
    expect(missing).toEqual([]);
    const reals = clips.filter(({ label }) => label === 0);
    expect(clips.length).toBe(2 * reals.length);
    const cast = new Set(reals.flatMap(({ dir }) => people(dir)));
    for (const { dir } of clips) for (const person of people(dir)) expect(cast.has(person), dir).toBe(true);
    for (const person of cast) {
      expect(seen.get(person) ?? name).toBe(name);
      seen.set(person, name);
    }
  }
  expect(seen.size).toBeGreaterThanOrEqual(60);
});

test('lists are in the format of the reference: label, folder, number of frames', () => {
  const [line] = readFileSync(join(datasets, 'builtin', 'test_fake.txt'), 'utf8').split('\n');
  expect(line).toMatch(/^1,\/.+,4$/);
});

test('real and forged frames share size and encoder', async () => {
  const kinds = new Set<string>();
  for (const { dir, frames } of split('val').clips) {
    const { format, width, height, channels, depth } = await sharp(join(dir, frames[0]!)).metadata();
    kinds.add(`${format} ${width}x${height} ${channels} ${depth}`);
  }
  expect([...kinds]).toEqual(['png 64x64 3 uchar']);
});

describe('the set is not trivial', () => {
  const rows = async (name: SplitName): Promise<{ x: number[][]; labels: number[] }> => {
    const samples = evaluationSamples(split(name));
    const x: number[][] = [];
    const labels: number[] = [];
    for (let i = 0; i < samples.length; i++) {
      const { file, label } = samples.at(i);
      x.push(await globalStatistics(readFileSync(file)));
      labels.push(label);
    }
    return { x, labels };
  };
  let training: Awaited<ReturnType<typeof rows>>;
  let testing: Awaited<ReturnType<typeof rows>>;

  beforeAll(async () => {
    [training, testing] = [await rows('train'), await rows('test')];
  }, 180_000);

  const auc = (labels: readonly number[]): number => {
    const score = logisticRegression(training.x, labels);
    const scores = testing.x.map((row) => 1 / (1 + Math.exp(-score(row))));
    return scoreMetrics(scores, testing.labels).auc!;
  };

  test('a logistic regression on 64 global statistics stays under 0.70 test AUC', () => {
    expect(GLOBAL_STATISTICS).toHaveLength(64);
    const found = auc(training.labels);
    expect(found).toBeLessThan(0.7);
    expect(found).toBeGreaterThan(0.3);
  });

  test('on permuted labels it is a coin', () => {
    const order = new Rng('permuted labels').permutation(training.labels.length);
    const found = auc([...order].map((i) => training.labels[i]!));
    expect(found).toBeGreaterThan(0.4);
    expect(found).toBeLessThan(0.6);
  });
});
