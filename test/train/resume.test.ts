import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packagePath } from '../../src/platform/node/package-path.js';
import { Rng } from '../../src/rng.js';
import { Checkpoint } from '../../src/train/checkpoint.js';
import { makeTinySet, type TinySet } from './faces.js';

const main = packagePath('dist/src/cli/main.js');
const files = packagePath('dist/src/io/files.js');
let folder: string;
let set: TinySet;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clew-resume-'));
  set = await makeTinySet(folder);
  await train('uncut');
  await train('tuned', '--tune', 'full'); // now there is a cache that could say otherwise
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** 40 images of batch 12: three whole batches and a tail of 4; mixup and dropout are on by default. */
const flags = (name: string, epochs = 3): string[] =>
  `--dataset ${set.name} --datasets ${set.datasets} --model tiny --size 32 --num_LIBs 2 --bs 12 --epoch ${epochs} --save_every 2 --name ${name}`.split(
    ' ',
  );

function run(words: readonly string[], script = main): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [script, ...words], { cwd: folder }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, signal: child.signalCode, output: stdout + stderr }),
    );
  });
}

async function train(name: string, ...more: string[]): Promise<Outcome> {
  const outcome = await run(['train', ...flags(name), ...more]);
  expect(outcome.output).not.toMatch(/^\s+at /m);
  expect(outcome.code, outcome.output).toBe(0);
  return outcome;
}

const last = (name: string): string => join(folder, 'output', name, 'model_last.safetensors');

/** Goes on from model_last with another number of workers and a warm tuner cache. */
const resume = (name: string, ...more: string[]): Promise<Outcome> =>
  run(
    `train --resume_model ${last(name)} --num_workers 1 --tune cached --datasets ${set.datasets}`
      .split(' ')
      .concat(more),
  );

async function weights(path: string): Promise<Map<string, Buffer>> {
  const checkpoint = await Checkpoint.open(path);
  const tensors = new Map<string, Buffer>();
  for (const [name, { dtype }] of checkpoint.tensors)
    tensors.set(
      name,
      dtype === 'I64'
        ? Buffer.from(`${await checkpoint.integers(name)}`)
        : Buffer.from((await checkpoint.floats(name)).buffer),
    );
  await checkpoint.close();
  return tensors;
}

async function expectSameRun(name: string): Promise<void> {
  for (const which of ['model_last', 'model_best']) {
    const [got, want] = await Promise.all(
      [name, 'uncut'].map((run) => weights(join(folder, 'output', run, `${which}.safetensors`))),
    );
    expect([...got!.keys()]).toEqual([...want!.keys()]);
    for (const [tensor, data] of want!)
      expect(got!.get(tensor)!.equals(data), `${name} ${which} ${tensor}`).toBe(true);
  }
  const metrics = (run: string): string => readFileSync(join(folder, 'output', run, 'metrics.jsonl'), 'utf8');
  expect(metrics(name)).toBe(metrics('uncut'));
  expect(epochs(name).map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
}

/** The lines of a run's metrics.jsonl. */
const epochs = (name: string): { epoch: number; task_weights: number[] }[] =>
  readFileSync(join(folder, 'output', name, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** A script that runs the program and sends it a signal before the n-th batch that it evaluates. */
function stopper(signal: NodeJS.Signals, n: number): string {
  const path = join(folder, `${signal}-evaluation-${n}.mjs`);
  const session = packagePath('dist/src/train/session.js');
  writeFileSync(
    path,
    `import { Session } from ${JSON.stringify(session)};
const real = Session.prototype.evaluate;
let calls = 0;
Session.prototype.evaluate = async function (...given) {
  if (++calls === ${n}) process.kill(process.pid, '${signal}');
  await new Promise(setImmediate); // signals arrive between events
  return real.apply(this, given);
};
process.argv[1] = ${JSON.stringify(main)};
await import(${JSON.stringify(main)});
`,
  );
  return path;
}

/** A script that runs the program and kills it (SIGKILL) at the n-th call of one of the functions that touch the disk. */
function killer(call: 'write' | 'rename', n: number): string {
  const path = join(folder, `kill-${call}-${n}.mjs`);
  writeFileSync(
    path,
    `import { disk } from ${JSON.stringify(files)};
const real = disk.${call};
let calls = 0;
disk.${call} = (...given) => (++calls === ${n} ? new Promise(() => process.kill(process.pid, 'SIGKILL')) : real(...given));
process.argv[1] = ${JSON.stringify(main)};
await import(${JSON.stringify(main)});
`,
  );
  return path;
}

describe('a run that is killed and resumed ends in the weights of the uncut run, bit for bit', () => {
  const rng = new Rng('kill points');
  const points = [
    // Between temporary file and rename, of some checkpoint.
    { call: 'rename', n: 6 + rng.below(4) },
    ...Array.from({ length: 3 }, () => ({ call: 'write', n: 40 + rng.below(500) }) as const),
  ] as const;

  test.each(points)('at $call $n', async ({ call, n }) => {
    const name = `${call}-${n}`;
    const killed = await run(['train', ...flags(name)], killer(call, n));
    expect(killed.signal).toBe('SIGKILL');
    const resumed = await resume(name);
    expect(resumed.code, resumed.output).toBe(0);
    await expectSameRun(name);
  });

  test.each(['SIGKILL', 'SIGINT'] as const)('in the middle of an evaluation, by %s', async (signal) => {
    const name = `mid-evaluation-${signal}`;
    // Two evaluation batches an epoch: the third call is inside the second epoch's evaluation.
    const stopped = await run(['train', ...flags(name), '--test_bs', '10'], stopper(signal, 3));
    expect(stopped.signal ?? stopped.code).toBe(signal === 'SIGKILL' ? signal : 130);
    const resumed = await resume(name);
    expect(resumed.code, resumed.output).toBe(0);
    const got = await weights(last(name));
    const want = await weights(last('uncut'));
    for (const [tensor, data] of want) expect(got.get(tensor)!.equals(data), tensor).toBe(true);
    const learned = (of: string) => epochs(of).map(({ task_weights }) => task_weights);
    expect(learned(name)).toEqual(learned('uncut'));
  });
});

test('SIGINT in the last test ends the run, which can be tested again', async () => {
  const name = 'interrupted-test';
  // Two batches for the epoch's evaluation, then two for the test.
  const { code, output } = await run(['train', ...flags(name, 1), '--test_bs', '10'], stopper('SIGINT', 3));
  expect(code, output).toBe(130);
  expect(output).toMatch(/interrupted; go on with: clew train --resume_model/);
  const resumed = await resume(name);
  expect(resumed.code, resumed.output).toBe(0);
  expect(resumed.output).toMatch(/wrote .*interrupted-test/);
});

test('a run goes on under another name with its best epoch, and leaves the runs of others alone', async () => {
  const first = await run(['train', ...flags('first', 1)]);
  expect(first.code, first.output).toBe(0);
  const second = await resume('first', '--name', 'second', '--epoch', '3');
  expect(second.code, second.output).toBe(0);
  await expectSameRun('second');
  expect(epochs('first')).toHaveLength(1);
  const other = await resume('first', '--name', 'uncut', '--epoch', '3');
  expect(other.code).toBe(1);
  expect(other.output).toMatch(/^clew: output\/uncut: holds a run already; choose another --name/m);
  await expectSameRun('uncut');
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s saves, exits %i and says how to go on; resumed, the run is the uncut one', async (signal, exit) => {
  const name = `interrupted-${signal}`;
  const child = spawn(process.execPath, [main, 'train', ...flags(name)], { cwd: folder });
  let output = '';
  const listen = (chunk: Buffer): void => {
    output += chunk;
    // The first epoch's line shows that training is under way.
    if (/epoch 1\/3 {2}loss/.test(output) && !output.includes('saving')) child.kill(signal);
  };
  child.stderr.on('data', listen);
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(output).toContain(
    `go on with: clew train --resume_model ${join('output', name, 'model_last.safetensors')} --epoch 3`,
  );
  expect(code).toBe(exit);
  const resumed = await resume(name);
  expect(resumed.code, resumed.output).toBe(0);
  await expectSameRun(name);
});

test('the same seed gives the same weights, another seed others', async () => {
  await train('again');
  await expectSameRun('again');
  await train('seed1', '--seed', '1');
  const [a, b] = [await weights(last('uncut')), await weights(last('seed1'))];
  const differing = [...a].filter(([name, data]) => !b.get(name)!.equals(data)).map(([name]) => name);
  expect(differing).toContain('region_model1.conv1.weight');
  expect(differing).toContain('bottleneck.model.0.weight');
});

test('--epoch is the total: a finished run has nothing left to train', async () => {
  const before = readFileSync(last('uncut'));
  const outcome = await resume('uncut');
  expect(outcome.code, outcome.output).toBe(0);
  expect(outcome.output).toContain('going on at epoch 4, step 0');
  expect(readFileSync(last('uncut')).equals(before)).toBe(true);
});

test.each([
  ['--bs', '8', 'with 12'],
  ['--micro_bs', '4', 'without it'],
])('%s %s would change the run, and is refused on resume', async (flag, value, made) => {
  const outcome = await resume('uncut', flag, value);
  expect(outcome.code).toBe(2);
  expect(outcome.output).toMatch(
    new RegExp(
      `^clew: ${flag} ${value}: .*model_last\\.safetensors was made ${made}; leave the flag out, or start`,
      'm',
    ),
  );
});

test('--save_model False writes no weights and says what Ctrl-C costs', async () => {
  const { output } = await train('unsaved', '--save_model', 'False');
  expect(output).toMatch(/--save_model False: .*Ctrl-C/);
  expect(readdirSync(join(folder, 'output', 'unsaved')).filter((name) => name.includes('model_'))).toEqual(
    [],
  );
  expect(existsSync(join(folder, 'output', 'unsaved', 'metrics.jsonl'))).toBe(true);
});
