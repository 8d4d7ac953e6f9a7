import { closeSync, fstatSync, openSync, readSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';

interface Descriptors {
  dup(fd: number): number;
  dup2(from: number, to: number): number;
}

let descriptors: Descriptors | undefined;

function libc(): Descriptors {
  const library = koffi.load('libc.so.6');
  return { dup: library.func('int dup(int)'), dup2: library.func('int dup2(int, int)') };
}

/** From the start of the file, wherever the writer left its offset. */
function readAll(file: number): string {
  const bytes = Buffer.alloc(fstatSync(file).size);
  readSync(file, bytes, 0, bytes.length, 0);
  return bytes.toString();
}

/**
 * Runs native code and returns what it wrote to file descriptor 2: Dawn prints there, from C++, why it refuses a driver. Only
 * a synchronous `run` is covered, so nobody else's output can get lost. Elsewhere than on Linux nothing is held back.
 */
export function captureStderr<T>(run: () => T): { value: T; text: string } {
  if (process.platform !== 'linux') return { value: run(), text: '' };
  descriptors ??= libc();
  const path = join(tmpdir(), `clew-stderr-${process.pid}-${performance.now()}`);
  const file = openSync(path, 'wx+');
  unlinkSync(path);
  const saved = descriptors.dup(2);
  try {
    descriptors.dup2(file, 2);
    const value = run();
    return { value, text: readAll(file) };
  } finally {
    descriptors.dup2(saved, 2);
    closeSync(saved);
    closeSync(file);
  }
}
