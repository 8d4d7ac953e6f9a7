import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packagePath } from '../../src/platform/node/package-path.js';
import { Checkpoint } from '../../src/train/checkpoint.js';
import { makeTinySet, type TinySet } from './faces.js';

const main = packagePath('dist/src/cli/main.js');
let folder: string;
let set: TinySet;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clew-errors-'));
  set = await makeTinySet(folder);
  expect((await train('good')).code).toBe(0);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function clew(words: readonly string[], script = main): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [script, ...words], { cwd: folder }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

const flags = (name: string): string[] =>
  `train --dataset ${set.name} --datasets ${set.datasets} --model tiny --size 32 --num_LIBs 2 --bs 12 --epoch 1 --name ${name}`.split(
    ' ',
  );
/** The flags with some of them replaced or added. */
function train(name: string, ...more: string[]): Promise<Outcome> {
  const words = flags(name);
  for (let i = 0; i < more.length; i += 2) {
    const at = words.indexOf(more[i]!);
    if (at >= 0) words.splice(at, 2);
  }
  return clew([...words, ...more]);
}

/** The one line that says what went wrong. */
function complaint({ stderr }: Outcome): string {
  expect(stderr).not.toMatch(/^\s+at /m);
  const lines = stderr
    .split('\n')
    .filter((line) => line.startsWith('clew: ') && !line.startsWith('clew: note: '));
  expect(lines).toHaveLength(1);
  return lines[0]!;
}

/** The run of beforeAll is as it was. */
async function expectGoodRun(): Promise<void> {
  for (const which of ['last', 'best']) {
    const checkpoint = await Checkpoint.open(join(folder, 'output/good', `model_${which}.safetensors`));
    expect(await checkpoint.floats('linear.1.bias')).toHaveLength(2);
    await checkpoint.close();
  }
}

/** A script that makes the n-th write of a kind fail as a full or forbidden disk would. */
function faulty(code: 'ENOSPC' | 'EACCES', n: number): string {
  const path = join(folder, `${code}.mjs`);
  writeFileSync(
    path,
    `import { disk } from ${JSON.stringify(packagePath('dist/src/io/files.js'))};
const real = disk.write;
let calls = 0;
disk.write = (...given) => (++calls >= ${n} ? Promise.reject(Object.assign(new Error('injected'), { code: '${code}', syscall: 'write' })) : real(...given));
process.argv[1] = ${JSON.stringify(main)};
await import(${JSON.stringify(main)});
`,
  );
  return path;
}

test('a missing list names the file and the flag', async () => {
  const outcome = await clew([
    'train',
    '--dataset',
    'nowhere',
    '--datasets',
    set.datasets,
    '--model',
    'tiny',
    '--name',
    'x',
  ]);
  expect(outcome.code).toBe(1);
  expect(complaint(outcome)).toMatch(/nowhere.*--datasets/);
});

test('a name in use is refused, with both ways out', async () => {
  const outcome = await train('good');
  expect(outcome.code).toBe(1);
  expect(complaint(outcome)).toMatch(
    /output\/good: holds a run already; .*--name.*--overwrite.*--resume_model/,
  );
  await expectGoodRun();
});

test('a run that is to be overwritten stays when the new one does not come to its first step', async () => {
  const missing = await train('good', '--dataset', 'nowhere', '--overwrite', 'True');
  expect(missing.code).toBe(1);
  const pretrained = await train('good', '--pretrained', 'nowhere.pth', '--overwrite', 'True');
  expect(pretrained.code).toBe(1);
  expect(complaint(pretrained)).toMatch(/cannot read nowhere\.pth/);
  await expectGoodRun();
});

test('a wrong value: exit code 2', async () => {
  const outcome = await train('x', '--lr', 'fast');
  expect(outcome.code).toBe(2);
  expect(complaint(outcome)).toMatch(/^clew: --lr fast: wants /);
});

test.each([
  ['ENOSPC', /the disk is full; free some space/],
  ['EACCES', /cannot write .*output\/good/],
] as const)('%s in the middle of a run: earlier checkpoints still load', async (code, text) => {
  // The run is resumed, so that there are checkpoints to lose.
  const more = [
    'train',
    '--resume_model',
    'output/good/model_last.safetensors',
    '--epoch',
    '2',
    '--datasets',
    set.datasets,
  ];
  const outcome = await clew(more, faulty(code, 30));
  expect(outcome.code).toBe(1);
  expect(complaint(outcome)).toMatch(text);
  expect(complaint(outcome)).toContain(code);
  await expectGoodRun();
});

test('ulimit -f: the file size limit is named, earlier checkpoints still load', async () => {
  const resume = 'train --resume_model output/good/model_last.safetensors --epoch 2 --datasets'.split(' ');
  // Software drivers keep device memory in files that the limit would cut, too: this run needs no driver.
  const words = [process.execPath, main, ...resume, set.datasets, '--adapter', 'reference'];
  const outcome = await new Promise<Outcome>((resolve) => {
    const child = execFile(
      'bash',
      ['-c', 'ulimit -f 64; exec "$@"', 'bash', ...words],
      { cwd: folder },
      (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
  expect(outcome.code).toBe(1);
  expect(complaint(outcome)).toMatch(/model_best\.safetensors|model_last\.safetensors/);
  expect(complaint(outcome)).toContain('EFBIG');
  await expectGoodRun();
});

test('a save path below a regular file', async () => {
  writeFileSync(join(folder, 'plain'), '');
  const outcome = await train('x', '--save_path', 'plain/below');
  expect(outcome.code).toBe(1);
  expect(complaint(outcome)).toMatch(/plain\/below.*ENOTDIR/);
});

test('broken images are named, counted and skipped; a split that ends empty stops', async () => {
  const broken = await makeTinySet(join(folder, 'broken'));
  const frame = join(folder, 'broken/frames/train/real/0.mp4/0.png');
  truncateSync(frame, 40);
  const words = flags('some').map((word) => (word === set.datasets ? broken.datasets : word));
  const outcome = await clew(words);
  expect(outcome.code).toBe(0);
  expect(outcome.stderr).toContain(`skipped ${frame}: `);
  const breakAll = (kind: string): void => {
    for (const clip of [0, 1])
      for (let i = 0; i < 4; i++)
        truncateSync(join(folder, `broken/frames/val/${kind}/${clip}.mp4/${i}.png`), 40);
  };
  breakAll('real');
  const fakes = await clew([...words, '--overwrite']);
  expect(fakes.code).toBe(1);
  expect(complaint(fakes)).toMatch(/val split of toy: all faces that could be read are of one class/);
  breakAll('fake');
  const empty = await clew([...words, '--overwrite']);
  expect(empty.code).toBe(1);
  expect(complaint(empty)).toMatch(/val split of toy/);
});

test('a total that is not finite stops the run and is never written', async () => {
  const outcome = await train('diverged', '--lr', '1e30');
  expect(outcome.code).toBe(1);
  expect(complaint(outcome)).toMatch(
    /epoch 1, step \d+: the loss is not finite; .*Lower --lr.*--resume_model/,
  );
  const checkpoint = await Checkpoint.open(join(folder, 'output/diverged/model_last.safetensors'));
  expect((await checkpoint.floats('linear.1.weight')).every(Number.isFinite)).toBe(true);
  await checkpoint.close();
});

test('a truncated checkpoint, and one of another network', async () => {
  const data = join(folder, 'cut.safetensors');
  execFileSync('cp', [join(folder, 'output/good/model_last.safetensors'), data]);
  truncateSync(data, 100_000);
  const cut = await clew(['test', '--resume_model', data, '--dataset', set.name, '--datasets', set.datasets]);
  expect(cut.code).toBe(1);
  expect(complaint(cut)).toMatch(/cut\.safetensors/);
  const other = await clew([
    'test',
    '--resume_model',
    'output/good/model_best.safetensors',
    '--model',
    'mobilenet',
    '--dataset',
    set.name,
    '--datasets',
    set.datasets,
  ]);
  expect(other.code).toBe(2);
  expect(complaint(other)).toMatch(/--model "mobilenet": .*was made with "tiny"/);
});

test('a batch that cannot fit names the largest --micro_bs that does', async () => {
  // 2,000 images of 1024 pixels: one stem activation alone is beyond any software adapter's binding.
  const outcome = await train('huge', '--model', 'resnet18', '--size', '1024', '--bs', '40');
  expect(outcome.code).toBe(1);
  expect(complaint(outcome)).toMatch(/--bs 40: .*(binds at most|may be used).*; --micro_bs \d+ fits/);
});

test('--pretrained with the wrong names lists them', async () => {
  mkdirSync(join(folder, 'w'), { recursive: true });
  const outcome = await train(
    'pre',
    '--model',
    'resnet18',
    '--pretrained',
    'output/good/model_best.safetensors',
  );
  expect(outcome.code).toBe(1);
  expect(complaint(outcome)).toMatch(
    /missing: conv1\.weight \[64,3,7,7\].*unknown: region_model1\.conv1\.weight/,
  );
});
