import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Studio } from '../../src/data/builtin/clips.js';
import { encodePng } from '../../src/data/builtin/image.js';
import { ensureBuiltin } from '../../src/data/builtin/index.js';
import { Rng } from '../../src/rng.js';
import { scoreMetrics } from '../../src/train/metrics.js';
import { temporaryFolder } from './files.js';
import { GLOBAL_STATISTICS, globalStatistics } from './global-statistics.js';
import { logisticRegression } from './logistic.js';

const SPLITS = ['train', 'val', 'test'] as const;
const LABELS = ['real', 'fake'] as const;

const cache = mkdtempSync(join(tmpdir(), 'clew-builtin-'));
const progress: string[] = [];
const ensure = () =>
  ensureBuiltin({ cacheDir: cache, progress: (done, total) => progress.push(`${done}/${total}`) });
let lists: string;
beforeAll(async () => {
  const { datasetsDir, name } = await ensure();
  lists = join(datasetsDir, name);
});
afterAll(() => rmSync(cache, { recursive: true }));

const clipsOf = (split: string, label: string) =>
  readFileSync(join(lists, `${split}_${label}.txt`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [digit, path, frames] = line.split(',');
      return { label: Number(digit), path: path!, frames: Number(frames) };
    });
const framesOf = (split: string, label: string) =>
  clipsOf(split, label).flatMap(({ path }) => readdirSync(path).map((name) => join(path, name)));
/** `042_1` is take 1 of person 42; `042_017_1` the same with the face of person 17. */
const peopleIn = (name: string) => name.split('_').slice(0, -1);

describe('the built-in data set', () => {
  it('has as many real as forged clips, four frames each, in the layout of the reference', () => {
    const clips = SPLITS.map((split) => LABELS.map((label) => clipsOf(split, label).length));
    expect(clips).toEqual([
      [192, 192],
      [24, 24],
      [60, 60],
    ]);
    for (const split of SPLITS)
      for (const [digit, label] of LABELS.entries())
        for (const clip of clipsOf(split, label)) {
          expect(clip).toMatchObject({ label: digit, frames: 4 });
          expect(readdirSync(clip.path)).toEqual(['000.png', '001.png', '002.png', '003.png']);
        }
  });

  it('shows nobody in two splits, donors included, and everybody real and forged', () => {
    const people = SPLITS.map((split) =>
      LABELS.map((label) => {
        const names = clipsOf(split, label).map(({ path }) => basename(path));
        expect(names.every((name) => peopleIn(name).length === (label === 'real' ? 1 : 2))).toBe(true);
        return new Set(names.flatMap(peopleIn));
      }),
    );
    expect(people.map(([real]) => real!.size)).toEqual([48, 12, 20]);
    for (const [real, fake] of people) expect(fake).toEqual(real);
    expect(new Set(people.flatMap(([real]) => [...real!])).size).toBe(48 + 12 + 20);
  });

  it('writes real and forged frames in one format: chunks, size, depth and channels', async () => {
    const formats = async (label: string) => {
      const files = framesOf('test', label).filter((_, i) => i % 8 === 0);
      const seen = await Promise.all(
        files.map(async (file) => {
          const { width, height, channels, depth, space } = await sharp(file).metadata();
          return `${width}x${height} ${channels} ${depth} ${space} ${pngLayout(readFileSync(file))}`;
        }),
      );
      return new Set(seen);
    };
    const real = await formats('real');
    expect([...real]).toHaveLength(1);
    expect([...real][0]).toMatch(/^64x64 3 uchar srgb IHDR.*IDAT,IEND$/);
    expect(await formats('fake')).toEqual(real);
  });

  it('is drawn from its seed, whatever was drawn before', async () => {
    const forged = { split: 'test', name: '060_075_1', person: 60, donor: 75, take: 1 } as const;
    const film = async (studio: Studio) => Promise.all((await studio.film(forged)).map(encodePng));
    const studio = new Studio(64, 0);
    await studio.film({ ...forged, person: 75, donor: 61 });
    const again = await film(studio);
    expect(again).toEqual(await film(new Studio(64, 0)));
    expect(again[0]).not.toEqual(again[1]);
    expect((await film(new Studio(64, 1)))[0]).not.toEqual(again[0]);

    const { path } = clipsOf('test', 'fake').find((clip) => basename(clip.path).startsWith('060'))!;
    const [person, donor, take] = basename(path).split('_').map(Number) as [number, number, number];
    const onDisk = readdirSync(path).map((name) => readFileSync(join(path, name)));
    const drawn = await new Studio(64, 0).film({ split: 'test', name: '', person, donor, take });
    expect(await Promise.all(drawn.map(encodePng))).toEqual(onDisk);
  });

  it('does not give itself away to 64 statistics of the whole frame', async () => {
    expect(new Set(GLOBAL_STATISTICS).size).toBe(64);
    const [train, test] = [await frameTable('train'), await frameTable('test')];
    expect(train.rows[0]).toHaveLength(64);
    const auc = (labels: { train: number[]; test: number[] }) => {
      const score = logisticRegression(train.rows, labels.train);
      return scoreMetrics(test.rows.map(score), labels.test).auc!;
    };
    expect(auc({ train: train.labels, test: test.labels })).toBeLessThan(0.7);

    // Learned from permuted labels, it is a coin.
    const order = new Rng('permuted labels').permutation(train.labels.length);
    const coin = auc({ train: [...order].map((i) => train.labels[i]!), test: test.labels });
    expect(coin).toBeGreaterThan(0.4);
    expect(coin).toBeLessThan(0.6);

    // The same regression does find what a global statistic shows: pictures whose blue contrast is above the median.
    const column = GLOBAL_STATISTICS.indexOf('blue: deviation');
    const median = train.rows.map((row) => row[column]!).toSorted((a, b) => a - b)[train.rows.length / 2]!;
    const contrast = ({ rows }: typeof train) => rows.map((row) => (row[column]! > median ? 1 : 0));
    expect(auc({ train: contrast(train), test: contrast(test) })).toBeGreaterThan(0.95);
  });
});

describe('its cache', () => {
  const home = (dir: string) => readdirSync(dir).map((name) => join(dir, name));

  it('is made once, and used again', async () => {
    expect([progress[0], progress.at(-1), progress.length]).toEqual(['1/552', '552/552', 552]);
    expect(await ensure()).toEqual({ datasetsDir: join(lists, '..'), name: 'builtin' });
    expect(progress).toHaveLength(552);
  });

  it('keeps nothing of an interrupted set', async () => {
    const dir = temporaryFolder();
    const progress = (done: number) => {
      if (done === 3) throw new Error('stop here');
    };
    await expect(ensureBuiltin({ cacheDir: dir, size: 8, progress })).rejects.toThrow('stop here');
    expect(readdirSync(dir)).toEqual([]);
  });

  it('leaves the set of a faster process in place', async () => {
    const dir = temporaryFolder();
    let theirs = '';
    const progress = (done: number) => {
      if (done !== 3) return;
      theirs = home(dir)[0]!.replace(/\.[^.]*$/, '');
      mkdirSync(theirs);
      writeFileSync(join(theirs, 'theirs'), '');
    };
    const { datasetsDir } = await ensureBuiltin({ cacheDir: dir, size: 8, progress });
    expect(datasetsDir).toBe(join(theirs, 'datasets'));
    expect(home(dir)).toEqual([theirs]);
    expect(existsSync(join(theirs, 'theirs'))).toBe(true);
  });

  it('says where it cannot be written', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    await expect(ensureBuiltin({ cacheDir: join(file, 'cache') })).rejects.toThrow(
      /^cannot write .*file\/cache\/builtin-\S+: a part of the path is a file, not a folder; choose another path \(ENOTDIR\)$/,
    );
  });
});

describe('logistic regression', () => {
  it('recovers the weights that made the labels', () => {
    const rng = new Rng(3, 'logistic');
    const x = Array.from({ length: 4000 }, () => [rng.normal(), rng.normal(), rng.normal()]);
    const labels = x.map(([a, b]) => (rng.uniform() < 1 / (1 + Math.exp(-(2 * a! - b! + 0.5))) ? 1 : 0));
    const score = logisticRegression(x, labels);
    const bias = score([0, 0, 0]);
    const slopes = [0, 1, 2].map((j) => score([0, 1, 2].map((i) => (i === j ? 1 : 0))) - bias);
    for (const [found, made] of [...slopes, bias].map((v, i) => [v, [2, -1, 0, 0.5][i]!] as const))
      expect(Math.abs(found - made)).toBeLessThan(0.2);
  });
});

async function frameTable(split: string): Promise<{ rows: number[][]; labels: number[] }> {
  const rows: number[][] = [];
  const labels: number[] = [];
  for (const [digit, label] of LABELS.entries())
    for (const file of framesOf(split, label)) {
      rows.push(await globalStatistics(readFileSync(file)));
      labels.push(digit);
    }
  return { rows, labels };
}

/** Header fields and chunk names of a PNG file. */
function pngLayout(file: Buffer): string {
  const names: string[] = [];
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at))
    names.push(file.toString('latin1', at + 4, at + 8));
  return `${names[0]} ${file.subarray(16, 29).toString('hex')} ${names.join()}`;
}
