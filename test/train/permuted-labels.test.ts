import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureBuiltin } from '../../src/data/builtin/index.js';
import { cacheDir } from '../../src/platform/node/cache.js';
import { packagePath } from '../../src/platform/node/package-path.js';
import { Rng } from '../../src/rng.js';

let folder: string;
let builtin: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clew-permuted-'));
  builtin = join((await ensureBuiltin({ cacheDir: cacheDir() })).datasetsDir, 'builtin');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const readClips = (split: string): string[] =>
  ['real', 'fake'].flatMap((kind) =>
    readFileSync(join(builtin, `${split}_${kind}.txt`), 'utf8')
      .trim()
      .split('\n'),
  );

/** The built-in set with these labels for its training clips; what val and test hold is tested. */
function makeSet(name: string, relabel: (labels: string[]) => string[]): void {
  const lists = join(folder, 'datasets', name);
  mkdirSync(lists, { recursive: true });
  const write = (split: string, clips: readonly string[]): void => {
    for (const [kind, label] of [
      ['real', '0'],
      ['fake', '1'],
    ] as const) {
      const own = clips.filter((clip) => clip.startsWith(`${label},`));
      writeFileSync(join(lists, `${split}_${kind}.txt`), `${own.join('\n')}\n`);
    }
  };
  const training = readClips('train');
  const labels = relabel(training.map((clip) => clip[0]!));
  write(
    'train',
    training.map((clip, i) => labels[i]! + clip.slice(1)),
  );
  write('val', readClips('val'));
  write('test', [...readClips('val'), ...readClips('test')]);
}

/** Test AUC over frames after a short training. */
function testAuc(name: string): number {
  const flags = `--dataset ${name} --datasets ${join(folder, 'datasets')} --model tiny --num_LIBs 2 --size 48 --bs 16 --lr 3e-3 --alpha 0.2 --augment none --epoch 3 --name ${name}`;
  const said = execFileSync(
    process.execPath,
    [packagePath('dist/src/cli/main.js'), 'train', ...flags.split(' ')],
    {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  return Number(new RegExp(`^${name} +\\d+ +[\\d.]+ +([\\d.]+) `, 'm').exec(said)![1]);
}

test('a detector trained on permuted labels knows nothing, one trained on the true ones something', () => {
  makeSet('permuted', (labels) =>
    [...new Rng(0, 'permuted labels').permutation(labels.length)].map((i) => labels[i]!),
  );
  makeSet('true', (labels) => labels);
  const permuted = testAuc('permuted');
  expect(permuted).toBeGreaterThan(0.4);
  expect(permuted).toBeLessThan(0.6);
  expect(testAuc('true')).toBeGreaterThan(0.75);
}, 400_000);
