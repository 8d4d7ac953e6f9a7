import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { append, appendLine, disk, removeFile, writeFileAtomic } from '../../src/io/files.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const intact = { ...disk };
const built = new URL('../../dist/src/io/files.js', import.meta.url).href;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clew-files-'));
});
afterEach(() => {
  Object.assign(disk, intact);
  rmSync(folder, { recursive: true });
});

const systemError = (code: string) => Object.assign(new Error(code), { code, syscall: 'write' });

test('writes bytes, iterables and async iterables, and makes missing folders', async () => {
  const path = join(folder, 'a', 'b', 'file');
  await writeFileAtomic(path, bytes('one'));
  expect(readFileSync(path, 'utf8')).toBe('one');
  await writeFileAtomic(path, [bytes('t'), bytes('wo')]);
  expect(readFileSync(path, 'utf8')).toBe('two');
  async function* chunks() {
    yield bytes('thr');
    yield bytes('ee');
  }
  await writeFileAtomic(path, chunks());
  expect(readFileSync(path, 'utf8')).toBe('three');
  expect(readdirSync(join(folder, 'a', 'b'))).toEqual(['file']);
});

test('a failing producer leaves the old file and no temporary one', async () => {
  const path = join(folder, 'file');
  await writeFileAtomic(path, bytes('old'));
  async function* chunks() {
    yield bytes('new');
    throw new Error('device lost');
  }
  await expect(writeFileAtomic(path, chunks())).rejects.toThrow(/^device lost$/);
  expect(readFileSync(path, 'utf8')).toBe('old');
  expect(readdirSync(folder)).toEqual(['file']);
});

const refusals: [string, string][] = [
  ['ENOSPC', 'the disk is full; free some space or write to another disk'],
  ['EACCES', 'permission denied; choose a folder that you may use'],
  ['EROFS', 'the disk is mounted read-only; choose a folder on another one'],
  [
    'EFBIG',
    'the file would be larger than the limit allows; raise it (ulimit -f unlimited) or write to another disk',
  ],
];
for (const [code, cause] of refusals)
  for (const call of ['open', 'write', 'rename'] as const)
    test(`${code} at ${call} is one line that says what to do, and the old file stays`, async () => {
      const path = join(folder, 'file');
      await writeFileAtomic(path, bytes('old'));
      Object.assign(disk, { [call]: () => Promise.reject(systemError(code)) });
      const error = await writeFileAtomic(path, bytes('new')).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(UserError);
      expect((error as UserError).message).toBe(`cannot write ${path}: ${cause} (${code})`);
      expect(readFileSync(path, 'utf8')).toBe('old');
      expect(readdirSync(folder)).toEqual(['file']);
    });

test('a path below a regular file', async () => {
  writeFileSync(join(folder, 'file'), '');
  const path = join(folder, 'file', 'x', 'model');
  await expect(writeFileAtomic(path, bytes('x'))).rejects.toThrow(
    `cannot write ${path}: a part of the path is a file, not a folder; choose another path (ENOTDIR)`,
  );
});

test('a path that is a folder', async () => {
  mkdirSync(join(folder, 'sub'));
  await expect(writeFileAtomic(join(folder, 'sub'), bytes('x'))).rejects.toThrow(
    `cannot write ${join(folder, 'sub')}: it is a folder; choose another path (EISDIR)`,
  );
  expect(readdirSync(folder)).toEqual(['sub']);
});

test('the temporary file of another process that is alive stays, for that one to finish', async () => {
  const name = `.a.tmp-${process.ppid}`;
  writeFileSync(join(folder, name), '');
  await writeFileAtomic(join(folder, 'a'), bytes('x'));
  expect(readdirSync(folder)).toEqual([name, 'a']);
});

test('temporary files of killed writers go at the next write or removal of the same name only', async () => {
  for (const name of ['.a.tmp-99999991', '.a.tmp-99999992', '.b.tmp-99999991', '.ab.tmp-99999991'])
    writeFileSync(join(folder, name), '');
  await writeFileAtomic(join(folder, 'a'), bytes('x'));
  expect(readdirSync(folder)).toEqual(['.ab.tmp-99999991', '.b.tmp-99999991', 'a']);
  await removeFile(join(folder, 'b'));
  expect(readdirSync(folder)).toEqual(['.ab.tmp-99999991', 'a']);
});

test('two writers of one path at once are a mistake of the program', async () => {
  const path = join(folder, 'file');
  const first = writeFileAtomic(path, bytes('first'));
  await expect(writeFileAtomic(path, bytes('second'))).rejects.toThrow('is being written already');
  await first;
  expect(readFileSync(path, 'utf8')).toBe('first');
});

test('lines are added whole or not at all', async () => {
  const path = join(folder, 'sub', 'log');
  await appendLine(path, 'first');
  await append(path, bytes('second\n'));
  disk.write = async (file) => {
    await file.write('thi');
    throw systemError('ENOSPC');
  };
  await expect(appendLine(path, 'third')).rejects.toThrow(
    /^cannot write .*log: the disk is full; .*\(ENOSPC\)$/,
  );
  expect(readFileSync(path, 'utf8')).toBe('first\nsecond\n');
});

/** Runs a script in a process of its own that imports the compiled module as `files`; `limit` is a shell command run before it. */
function inChild(script: string, limit = 'true') {
  const source = `import * as files from ${JSON.stringify(built)};\n${script}`;
  writeFileSync(join(folder, 'script.mjs'), source);
  return spawnSync('bash', ['-c', `${limit}; exec "${process.execPath}" script.mjs`], {
    cwd: folder,
    encoding: 'utf8',
  });
}

test('a file over ulimit -f is an error, not a killed process', async () => {
  await writeFileAtomic(join(folder, 'model'), bytes('old'));
  const child = inChild(
    `await files.writeFileAtomic('model', new Uint8Array(5000)).catch((e) => console.log(e.name + ': ' + e.message));`,
    'ulimit -f 1',
  );
  expect(child.stdout).toBe(
    'UserError: cannot write model: the file would be larger than the limit allows; raise it (ulimit -f unlimited) or write to another disk (EFBIG)\n',
  );
  expect(child.status).toBe(0);
  expect(readFileSync(join(folder, 'model'), 'utf8')).toBe('old');
  expect(readdirSync(folder)).toEqual(['model', 'script.mjs']);
});

test('killed between temporary file and rename: the old file stays, the next write cleans up', async () => {
  const path = join(folder, 'model');
  await writeFileAtomic(path, bytes('old'));
  const child = inChild(`
    files.disk.rename = () => process.kill(process.pid, 'SIGKILL');
    await files.writeFileAtomic('model', new Uint8Array(5000));`);
  expect(child.signal).toBe('SIGKILL');
  expect(readFileSync(path, 'utf8')).toBe('old');
  expect(readdirSync(folder).filter((name) => name.startsWith('.model.tmp-'))).toHaveLength(1);
  await writeFileAtomic(path, bytes('new'));
  expect(readdirSync(folder)).toEqual(['model', 'script.mjs']);
  expect(readFileSync(path, 'utf8')).toBe('new');
});
