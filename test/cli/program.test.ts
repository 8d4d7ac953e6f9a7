import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { commands } from '../../src/cli/commands.js';
import { flags } from '../../src/cli/flags.js';
import { report, version } from '../../src/cli/program.js';
import { UserError } from '../../src/errors.js';
import { makeTinySet } from '../train/faces.js';

const built = (file: string) => fileURLToPath(new URL(`../../dist/src/cli/${file}`, import.meta.url));

function clew(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [built('main.js'), ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test('clew and clew --help list every command and examples', () => {
  const { status, stdout, stderr } = clew('--help');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const rows = commands.map(({ usage, summary }) => `clew ${usage} ${summary}`);
  for (const row of rows) expect(stdout.replaceAll(/ +/g, ' ')).toContain(`\n ${row}\n`);
  expect(stdout).toContain('Examples:\n  # train a small detector on built-in faces\n  clew demo\n');
  expect(clew()).toEqual({ status, stdout, stderr });
});

test('clew train --help groups the flags with their defaults and ends with examples', () => {
  const { status, stdout } = clew('train', '--help');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^clew train\n\n/);
  const flowing = stdout.replaceAll(/\s+/g, ' ');
  expect(flowing).toMatch(/ Model: --model backbone of every LIB: .*? \(default resnet\) --num_LIBs /);
  expect(flowing).toMatch(/ Training: .* --bs images in a training batch \(default 256\) .* Data: /);
  expect(flowing).toContain(
    ' --scales weights of ce, gil, lil for hyper; also ce=1,gil=2,lil=10 (default [1,2,10]) ',
  );
  expect(stdout).toContain('  clew train --bs 64 --micro_bs 16\n');
});

test("every command's help names its flags, has examples, and says nothing of others", () => {
  for (const { name, flags: own, examples } of commands) {
    const { status, stdout } = clew(name, '--help');
    expect(status).toBe(0);
    const named = [...stdout.matchAll(/^ {2,6}--?(\w+)/gm)].map((match) => match[1]);
    expect(named.toSorted(), name).toEqual([...own].toSorted());
    for (const [line] of examples) expect(stdout).toContain(`  clew ${line}\n`);
  }
});

test('help and parsing load no GPU or image library', () => {
  const script = `
    import { runProgram } from ${JSON.stringify(built('program.js'))};
    await runProgram(['train', '--help']);
    console.log(JSON.stringify(process.report.getReport().sharedObjects.filter((file) => file.endsWith('.node'))));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('[]');
});

test('--version', () => {
  expect(clew('--version')).toEqual({ status: 0, stdout: `${version()}\n`, stderr: '' });
  expect(version()).toMatch(/^\d+\.\d+\.\d+/);
});

test('wrong usage: one line on stderr, exit code 2, no stack', () => {
  expect(clew('--lrr', '0.1')).toEqual({
    status: 2,
    stdout: '',
    stderr: 'clew: --lrr: unknown flag; did you mean --lr?\n',
  });
  expect(clew('train', '--bs', 'abc')).toEqual({
    status: 2,
    stdout: '',
    stderr: 'clew: --bs abc: wants a whole number of at least 1\n',
  });
});

test('a user error is one line and its exit code; an unexpected one says that it is a bug', () => {
  const lines: unknown[] = [];
  vi.spyOn(console, 'error').mockImplementation((line) => void lines.push(line));
  vi.stubEnv('CLEW_DEBUG', undefined);
  expect(report(new UserError('a.txt:3: no such folder;\n  give --data_root'))).toBe(1);
  expect(report(new TypeError('x is not a function'))).toBe(1);
  expect(lines).toEqual([
    'clew: a.txt:3: no such folder; give --data_root',
    'clew: x is not a function (this is a bug; rerun with CLEW_DEBUG=1 for the stack)',
  ]);
});

test('CLEW_DEBUG=1 adds the stack', () => {
  const lines: unknown[] = [];
  vi.spyOn(console, 'error').mockImplementation((line) => void lines.push(line));
  vi.stubEnv('CLEW_DEBUG', '1');
  const error = new TypeError('x is not a function');
  report(error);
  expect(lines[1]).toBe(error.stack);
});

test('a reader that closes the pipe early is no error', async () => {
  const child = spawn(process.execPath, [built('main.js'), 'train', '--help'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('a training run goes on when nobody reads its progress any more', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clew-pipe-'));
  const set = await makeTinySet(folder);
  const words = `train --dataset ${set.name} --datasets ${set.datasets} --model tiny --size 32 --num_LIBs 2 --bs 12 --epoch 2 --name piped`;
  const child = spawn(process.execPath, [built('main.js'), ...words.split(' ')], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.stderr.once('data', () => child.stderr.destroy());
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect(status).toBe(0);
  expect(readFileSync(join(folder, 'output/piped/train.log'), 'utf8')).toMatch(/epoch 2\/2 {2}loss/);
  rmSync(folder, { recursive: true });
});

test('every flag has a line of help that fits beside its name', () => {
  for (const [name, { help }] of Object.entries(flags)) {
    expect(help, name).not.toMatch(/\n|\.$/);
    expect(help.length, name).toBeLessThan(125);
  }
});
