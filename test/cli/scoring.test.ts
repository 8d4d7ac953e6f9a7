import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packagePath } from '../../src/platform/node/package-path.js';
import { makeTinySet, type TinySet } from '../train/faces.js';

let folder: string;
let set: TinySet;
/** Lines of the CSV: data set, kind, item, label, score, decision. */
let rows: string[][];
let results: { name: string; metrics: Record<string, number> & { video: Record<string, number> } }[];

const clew = (words: string): string =>
  execFileSync(process.execPath, [packagePath('dist/src/cli/main.js'), ...words.split(' ')], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

/** FaceForensics++ of the tiny set's test frames: four reals in `original`, the fakes by two methods. */
function makeFaceForensics(): void {
  const lines: Record<'real' | 'fake', string[]> = { real: [], fake: [] };
  for (const [kind, method, clip] of [
    ['real', 'original', '0'],
    ['real', 'original', '1'],
    ['fake', 'Deepfakes', '0'],
    ['fake', 'NeuralTextures', '1'],
  ] as const) {
    const to = join(folder, 'ffpp', method, clip);
    cpSync(join(folder, 'frames', 'test', kind, `${clip}.mp4`), to, { recursive: true });
    lines[kind].push(`${kind === 'real' ? 0 : 1},${to},4`);
  }
  mkdirSync(join(set.datasets, 'FF++'));
  for (const split of ['train', 'test'])
    for (const kind of ['real', 'fake'] as const)
      writeFileSync(join(set.datasets, 'FF++', `${split}_${kind}.txt`), lines[kind].join('\n'));
}

const readCsv = (text: string): string[][] =>
  text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clew-scoring-'));
  set = await makeTinySet(folder);
  makeFaceForensics();
  clew(
    `train --dataset toy --datasets ${set.datasets} --model tiny --size 32 --num_LIBs 2 --bs 12 --epoch 2 --name m`,
  );
  const tested = clew(
    `test --resume_model output/m/model_best.safetensors --dataset toy,FF++ --datasets ${set.datasets} --csv s.csv --json`,
  );
  results = JSON.parse(tested).results;
  rows = readCsv(readFileSync(join(folder, 's.csv'), 'utf8'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const labelled = (dataset: string, kind: string, path = ''): { label: number; score: number }[] =>
  rows
    .filter(
      ([of, what, item, label]) => of === dataset && what === kind && (label === '0' || item!.includes(path)),
    )
    .map((row) => ({ label: Number(row[3]), score: Number(row[4]) }));

/** The share of pairs of a fake and a real in which the fake scores higher; ties count half. */
function pairwiseAuc(list: readonly { label: number; score: number }[]): number {
  let won = 0;
  const fakes = list.filter(({ label }) => label === 1);
  const reals = list.filter(({ label }) => label === 0);
  for (const fake of fakes)
    for (const real of reals) won += fake.score > real.score ? 1 : fake.score === real.score ? 0.5 : 0;
  return won / (fakes.length * reals.length);
}

test('several data sets make one table, FF++ also by method: its fakes with all reals', () => {
  expect(results.map(({ name, metrics }) => [name, metrics.frames, metrics.video.clips])).toEqual([
    ['toy', 16, 4],
    ['FF++', 16, 4],
    ['FF++ Deepfakes', 12, 3],
    ['FF++ NeuralTextures', 12, 3],
  ]);
});

test.each([
  ['toy', 'toy', ''],
  ['FF++', 'FF++', ''],
  ['FF++ Deepfakes', 'FF++', 'Deepfakes'],
  ['FF++ NeuralTextures', 'FF++', 'NeuralTextures'],
])('metrics of %s are those of its scores in the CSV', (name, dataset, path) => {
  const { metrics } = results.find((result) => result.name === name)!;
  for (const [kind, found] of [
    ['frame', metrics],
    ['video', metrics.video],
  ] as const) {
    const list = labelled(dataset, kind, path);
    expect(found.auc).toBeCloseTo(pairwiseAuc(list), 10);
    const right = list.filter(({ label, score }) => Number(score > 0.5) === label).length;
    expect(found.accuracy).toBeCloseTo((100 * right) / list.length, 10);
  }
});

test("a video's score is the mean of its frames', and the decision is fake above one half", () => {
  const videos = rows.filter(([, kind]) => kind === 'video');
  expect(videos.length).toBe(8);
  for (const [dataset, , item, , score] of videos) {
    const frames = rows.filter(
      ([of, kind, file]) => of === dataset && kind === 'frame' && file!.includes(item!.split(':').at(-1)!),
    );
    expect(frames.length).toBe(4);
    expect(Number(score)).toBeCloseTo(
      frames.reduce((sum, row) => sum + Number(row[4]) / 4, 0),
      5,
    );
  }
  for (const row of rows) expect(row[5]).toBe(Number(row[4]) > 0.5 ? 'fake' : 'real');
});

test('a folder of images gets the same scores, as CSV on stdout, without labels', () => {
  const scored = readCsv(
    clew('test --resume_model output/m/model_best.safetensors --images ffpp/Deepfakes').replaceAll('\r', ''),
  );
  const frames = scored.filter(([, kind]) => kind === 'frame');
  expect(frames.length).toBe(4);
  for (const [, , file, label, score] of frames) {
    expect(label).toBe('');
    const same = rows.find(
      ([, kind, item]) => kind === 'frame' && item!.endsWith(file!.replace(/^.*ffpp/, 'ffpp')),
    );
    expect(Number(score)).toBeCloseTo(Number(same![4]), 5);
  }
});

test("a checkpoint as the reference's .pth scores the same, and training goes on behind its epoch", () => {
  const toy = `--dataset toy --datasets ${set.datasets}`;
  const network = '--model tiny --size 32 --num_LIBs 2';
  clew('convert output/m/model_last.safetensors theirs.pth');
  const images = '--images ffpp/Deepfakes';
  expect(clew(`test --resume_model theirs.pth ${network} ${images}`)).toBe(
    clew(`test --resume_model output/m/model_last.safetensors ${images}`),
  );
  clew(`train --resume_model theirs.pth ${toy} ${network} --bs 12 --epoch 1 --name behind`);
  const metrics = readFileSync(join(folder, 'output/behind/metrics.jsonl'), 'utf8').trim().split('\n');
  expect(metrics.map((line) => JSON.parse(line).epoch)).toEqual([3]);
});
