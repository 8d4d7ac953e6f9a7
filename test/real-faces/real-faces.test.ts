import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makePhotographs } from '../../src/data/photographs/index.js';
import { packagePath } from '../../src/platform/node/package-path.js';

let folder: string;
let set: Awaited<ReturnType<typeof makePhotographs>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clew-photographs-'));
  set = await makePhotographs(folder, 48);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const clew = (...words: string[]): string =>
  execFileSync(process.execPath, [packagePath('dist/src/cli/main.js'), ...words], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

const lines = (split: string, kind: string): string[] =>
  readFileSync(join(set.datasetsDir, set.name, `${split}_${kind}.txt`), 'utf8')
    .trim()
    .split('\n');

test('nobody is in two splits, and each split has as many forged clips as real ones', () => {
  const people = ['train', 'val', 'test'].map((split) => {
    const [real, fake] = [lines(split, 'real'), lines(split, 'fake')];
    expect(fake.length).toBe(real.length);
    return new Set(
      [...real, ...fake].flatMap((line) => /(\d+)(?:_(\d+))?_\d+,/.exec(line)!.slice(1).filter(Boolean)),
    );
  });
  const all = people.flatMap((ids) => [...ids]);
  expect(new Set(all).size).toBe(all.length);
  expect(all.length).toBe(21);
});

test('clew train learns to tell real photographs from forged ones, also of people it has not seen', () => {
  const flags = `--dataset ${set.name} --datasets ${set.datasetsDir} --model tiny --num_LIBs 2 --size 48 --bs 16 --lr 3e-3 --mixup False --augment none --epoch 4`;
  const said = clew('train', ...flags.split(' '));
  const [frames, , auc] = /^photographs +(\d+) +([\d.]+) +([\d.]+) /m.exec(said)!.slice(1).map(Number);
  expect(frames).toBe(288);
  expect(auc).toBeGreaterThan(0.8);
  const epochs = readFileSync(join(folder, 'output/train_model/metrics.jsonl'), 'utf8').trim().split('\n');
  expect(epochs.length).toBe(4);
}, 400_000);
