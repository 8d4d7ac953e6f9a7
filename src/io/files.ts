/**
 * The only place that writes files. A reader, or a run that was killed and resumed, sees a file either as it was or as it was meant to
 * become, never half of it.
 */
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../errors.js';

/** The calls that touch the disk, in one object so that a test can make any of them fail. */
export const disk = {
  open: (path: string, flags: 'r' | 'w' | 'a'): Promise<FileHandle> => open(path, flags),
  /** Writes all of `bytes` at the file's position. */
  write: (file: FileHandle, bytes: Uint8Array): Promise<void> => file.writeFile(bytes),
  rename: (from: string, to: string): Promise<void> => rename(from, to),
};

export type Chunks = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Temporary files that this process is writing now. */
const beingWritten = new Set<string>();

/**
 * Writes a file whole or not at all: a temporary file in the same folder, flushed to the disk, then renamed over the old one. When
 * anything fails, the producer of the chunks included, the temporary file is removed and the old file stays. Missing folders are made.
 * A path has one writer at a time in a process; of several processes the last one's file stays. Temporary files that a killed process
 * left behind are removed at the next write.
 * @throws UserError that names the path and the way out
 */
export async function writeFileAtomic(path: string, chunks: Chunks): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `${temporaryPrefix(path)}${process.pid}`);
  if (beingWritten.has(temporary)) throw new Error(`writeFileAtomic: ${path} is being written already`);
  beingWritten.add(temporary);
  try {
    await makeFolder(folder, path);
    await removeTemporaries(path);
    await writeNew(temporary, chunks, path);
    await attempt('write', path, () => disk.rename(temporary, path));
    await attempt('write', path, () => syncFolder(folder));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  } finally {
    beingWritten.delete(temporary);
  }
}

async function writeNew(temporary: string, chunks: Chunks, path: string): Promise<void> {
  const file = await attempt('write', path, () => disk.open(temporary, 'w'));
  try {
    for await (const chunk of chunks instanceof Uint8Array ? [chunks] : chunks)
      await attempt('write', path, () => disk.write(file, chunk));
    await attempt('write', path, () => file.sync());
  } finally {
    await attempt('write', path, () => file.close());
  }
}

/**
 * Makes a folder whole or not at all: `fill` writes into a temporary one beside it, which is then renamed; what was at `path` before is
 * replaced. When anything fails, `fill` included, only the old folder remains.
 * @throws UserError that names the path and the way out
 */
export async function writeFolderAtomic<T>(path: string, fill: (draft: string) => Promise<T>): Promise<T> {
  const draft = join(dirname(path), `${temporaryPrefix(path)}${process.pid}`);
  await makeFolder(dirname(path), path);
  await removeTemporaries(path);
  try {
    await attempt('write', path, () => mkdir(draft));
    const result = await fill(draft);
    await attempt('write', path, () => rm(path, { recursive: true, force: true }));
    await attempt('write', path, () => disk.rename(draft, path));
    return result;
  } catch (error) {
    await rm(draft, { recursive: true, force: true }).catch(() => {});
    throw error;
  }
}

/** Adds bytes to the end of a file, all or, when the disk refuses, none. Missing folders are made. */
export async function append(path: string, bytes: Uint8Array): Promise<void> {
  await makeFolder(dirname(path), path);
  await attempt('write', path, async () => {
    const file = await disk.open(path, 'a');
    try {
      const { size } = await file.stat();
      await disk.write(file, bytes).catch(async (error: unknown) => {
        await file.truncate(size);
        throw error;
      });
    } finally {
      await file.close();
    }
  });
}

/** Adds one line to a text file. */
export function appendLine(path: string, text: string): Promise<void> {
  return append(path, new TextEncoder().encode(`${text}\n`));
}

/** Removes a file, if it is there, with what a killed write of it left. */
export async function removeFile(path: string): Promise<void> {
  await removeTemporaries(path);
  await attempt('remove', path, () => rm(path, { force: true }));
}

/** The names in a folder, sorted; none when there is no such folder. */
export async function listFolder(path: string): Promise<string[]> {
  return await attempt('read', path, async () => {
    try {
      return (await readdir(path)).sort();
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  });
}

/** Opens a file that must exist. */
export function openToRead(path: string): Promise<FileHandle> {
  return attempt('read', path, () => disk.open(path, 'r'));
}

function temporaryPrefix(path: string): string {
  return `.${basename(path)}.tmp-`;
}

async function removeTemporaries(path: string): Promise<void> {
  const folder = dirname(path);
  const prefix = temporaryPrefix(path);
  for (const name of await listFolder(folder))
    if (name.startsWith(prefix) && !isOfAnother(Number(name.slice(prefix.length))))
      await attempt('remove', path, () => rm(join(folder, name), { recursive: true, force: true }));
}

/** Whether another process with this id is alive, and so may be writing. */
function isOfAnother(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM'; // alive, and somebody else's
  }
}

async function makeFolder(folder: string, path: string): Promise<void> {
  await attempt('write', path, () => mkdir(folder, { recursive: true }));
}

/** A rename survives a power cut only when its folder is flushed too; Windows cannot open folders and does without. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await disk.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Node ignores SIGXFSZ, so a file over `ulimit -f` arrives here as EFBIG instead of killing the process. */
const causes: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space or write to another disk',
  EDQUOT: 'your disk quota is used up; free some space or write to another disk',
  EFBIG:
    'the file would be larger than the limit allows; raise it (ulimit -f unlimited) or write to another disk',
  EACCES: 'permission denied; choose a folder that you may use',
  EPERM: 'the system does not permit it; choose a folder that you may use',
  EROFS: 'the disk is mounted read-only; choose a folder on another one',
  ENOTDIR: 'a part of the path is a file, not a folder; choose another path',
  EEXIST: 'a part of the path is a file, not a folder; choose another path',
  EISDIR: 'it is a folder; choose another path',
  ENOENT: 'there is no such file; check the path',
  'write ENOENT': 'its folder cannot be made there; choose another path', // a read-only or special disk: Node names no better cause
  ENAMETOOLONG: 'the name is too long; choose a shorter one',
  EIO: 'the disk reports an error; check it or use another one',
  ERR_FS_FILE_TOO_LARGE: 'it is over 2 GiB; check the path',
  ERR_STRING_TOO_LONG: 'it is longer than a text can be; check the path',
};

type Verb = 'read' | 'write' | 'remove';

/** Runs a call to the system; what it throws becomes a UserError. */
export async function attempt<T>(verb: Verb, path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw told(verb, path, error);
  }
}

/** What the system threw, as a UserError that says what to do; any other error as it is. */
export function told(verb: Verb, path: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined) return error;
  const cause = causes[`${verb} ${code}`] ?? causes[code] ?? 'the system refuses; try another path';
  return new UserError(`cannot ${verb} ${path}: ${cause} (${code})`, 1, { cause: error });
}

/** `ENOSPC` and the like, and what Node refuses for a cause above; undefined for any other error. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const code = String(error.code);
  return 'syscall' in error || code in causes ? code : undefined;
}
