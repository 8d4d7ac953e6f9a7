import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../src/cli/data-check.js';
import { checkDataset } from '../../src/data/check.js';
import { plainPng, temporaryFolder, write } from './files.js';

/** Lists and clips of two frames each; `lines` by list, `label,path,count` with paths below the folder. */
async function dataset(lines: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const dir = temporaryFolder();
  const none = { train_real: [], train_fake: [], test_real: [], test_fake: [] };
  const lists: Readonly<Record<string, readonly string[]>> = { ...none, ...lines };
  for (const [list, rows] of Object.entries(lists)) {
    write(join(dir, 'datasets', 'X', `${list}.txt`), rows.map((row) => `${row}\n`).join(''));
    for (const row of rows) {
      const path = row.split(',')[1];
      if (!path || path.includes('missing') || path.startsWith('..')) continue;
      for (const frame of ['0.png', '1.png']) write(join(dir, path, frame), await plainPng(9, 8));
    }
  }
  return dir;
}
const check = (dir: string) => checkDataset('X', { datasets: join(dir, 'datasets'), dataRoot: dir });
const causes = (report: Awaited<ReturnType<typeof check>>) =>
  report.findings.map(({ cause, severity, count }) => [cause, severity, count]);

test('a sound data set: sizes, balance, and no finding', async () => {
  const dir = await dataset({
    train_real: ['0,a/1,2'],
    train_fake: ['1,b/2,2', '1,b/3,2'],
    test_real: ['0,a/4,2'],
    test_fake: ['1,b/5,2'],
  });
  const report = await check(dir);
  expect(report.findings).toEqual([]);
  expect(report.splits).toEqual([
    { split: 'train', clips: { real: 1, fake: 2 }, frames: { real: 2, fake: 4 } },
    { split: 'test', clips: { real: 1, fake: 1 }, frames: { real: 2, fake: 2 } },
  ]);
  expect(report.images).toEqual({ read: 10, smallest: 8, median: 8, largest: 8 });
});

test('every cause is found, counted and located', async () => {
  const dir = await dataset({
    train_real: ['0,a/1,2', '0,a/1,2', '0,original_sequences/x/020,5', '0,a/empty,0'],
    train_fake: [
      '1,b/021_020,2',
      '0,b/wrong,2',
      '1,real/odd,2',
      '1,missing/7,2',
      'what is this',
      '1,../../out,2',
    ],
    test_real: ['0,a/1,2', '0,a/021,2'],
    test_fake: ['1,b/9,2'],
  });
  for (const frame of ['0.png', '1.png'])
    renameSync(join(dir, 'a/empty', frame), join(dir, 'a/empty', `${frame}.txt`));
  writeFileSync(join(dir, 'b/9/1.png'), (await plainPng(1, 8)).subarray(0, 60));
  writeFileSync(
    Buffer.concat([Buffer.from(`${dir}/b/9/`), Buffer.from([0xe9]), Buffer.from('.png')]),
    await plainPng(1),
  );
  const report = await check(dir);
  expect(causes(report)).toEqual([
    ['malformed line', 'error', 1],
    ['label contradicts its list', 'error', 1],
    ['label contradicts the path', 'error', 1],
    ['path leaves the data root', 'error', 1],
    ['missing folder', 'error', 2],
    ['folder without images', 'error', 1],
    ['image that cannot be read', 'error', 2],
    ['folder in two splits', 'error', 1],
    ['person in two splits', 'error', 2],
    ['folder twice in a list', 'warning', 1],
    ['frame count differs from column 3', 'warning', 2],
  ]);
  const examplesOf = (cause: string) => report.findings.find((finding) => finding.cause === cause)!.examples;
  expect(examplesOf('malformed line')).toEqual([expect.stringMatching(/train_fake\.txt:5: "what is this"$/)]);
  expect(examplesOf('image that cannot be read')).toEqual([
    expect.stringMatching(/b\/9\/1\.png: /),
    expect.stringMatching(/b\/9\/.*not UTF-8/),
  ]);
  expect(examplesOf('person in two splits')).toEqual([
    expect.stringMatching(/^1: train .*, test /),
    expect.stringMatching(/^021: train .*, test /),
  ]);
});

test('one class only, classes out of balance, and lists that are not there', async () => {
  const fakes = Array.from({ length: 11 }, (_, i) => `1,b/f${i},2`);
  const dir = await dataset({ train_real: ['0,a/r0,2'], train_fake: fakes, test_real: ['0,a/r1,2'] });
  expect(causes(await check(dir))).toEqual([
    ['split with one class only', 'error', 1],
    ['classes out of balance', 'warning', 1],
  ]);
  const report = await checkDataset('Y', { datasets: join(dir, 'datasets') });
  expect(causes(report)).toEqual([['missing list', 'error', 4]]);
});

test('Celeb-DF shares people between its official splits: a warning', async () => {
  const dir = await dataset({
    train_real: ['0,a/id1_0001,2'],
    train_fake: ['1,b/id1_id2_0001,2'],
    test_real: ['0,a/id1_0002,2'],
    test_fake: ['1,b/id1_id3_0001,2'],
  });
  expect(causes(await check(dir))).toEqual([['person in two splits', 'error', 1]]);
  renameSync(join(dir, 'datasets/X'), join(dir, 'datasets/Celeb-DF-v2'));
  const report = await checkDataset('Celeb-DF-v2', { datasets: join(dir, 'datasets'), dataRoot: dir });
  expect(causes(report)).toEqual([['person in two splits', 'warning', 1]]);
});

test("lists with somebody else's paths: the flags that it suggests find every folder", async () => {
  const paths = ['real/1', 'real/2', 'fake/3', 'fake/4'];
  const there = (path: string) => `/home/someone/faces/FF++/${path}`;
  const dir = await dataset({});
  for (const path of paths) write(join(dir, 'crops/FF++', path, '0.png'), await plainPng(1));
  mkdirSync(join(dir, 'moved/FaceSwap/5'), { recursive: true });
  write(join(dir, 'moved/FaceSwap/5/0.png'), await plainPng(1));
  const list = (name: string, ...rows: string[]) =>
    write(join(dir, 'datasets/X', `${name}.txt`), rows.join('\n'));
  list('train_real', `0,${there('real/1')},1`);
  list('train_fake', `1,${there('fake/3')},1`, '1,FaceSwap/5,1');
  list('test_real', `0,${there('real/2')},1`);
  list('test_fake', `1,${there('fake/4')},1`);
  const options = { datasets: join(dir, 'datasets'), dataRoot: dir };
  const { mappings } = await checkDataset('X', options);
  expect(mappings).toEqual([
    { from: '/home/someone/faces', to: join(dir, 'crops'), finds: 4 },
    { from: 'FaceSwap', to: join(dir, 'moved/FaceSwap'), finds: 1 },
  ]);
  expect((await checkDataset('X', { ...options, mapPrefix: mappings })).findings).toEqual([]);
});

test('clew data check: exit code 1 on errors only', async () => {
  const sound = await dataset({
    train_real: ['0,a/1,9'],
    train_fake: ['1,b/2,2'],
    test_real: ['0,a/4,2'],
    test_fake: ['1,b/5,2'],
  });
  const config = {
    dataset: ['X'],
    data_root: sound,
    datasets: join(sound, 'datasets'),
    map_prefix: [],
    json: true,
  };
  expect(await run(config as never)).toBe(0);
  expect(await run({ ...config, dataset: ['X', 'Y'] } as never)).toBe(1);
});
