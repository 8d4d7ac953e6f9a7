/** What a data set's folder holds, and its authors' own files. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { isVideo } from '../data/people.js';
import { messageOf, UserError } from '../errors.js';
import { told } from '../io/files.js';

export interface Found {
  /** Paths below the root, with `/`, sorted. */
  readonly videos: readonly string[];
  readonly others: readonly string[];
  readonly refused: readonly { id: string; cause: string }[];
}

/** Folders are followed to this depth, also through links, which may form circles. */
const DEEPEST = 8;

/** @throws UserError when a folder cannot be read */
export function filesBelow(root: string): Found {
  const [videos, others, refused]: [string[], string[], { id: string; cause: string }[]] = [[], [], []];
  const walk = (dir: string, depth: number): void => {
    for (const bytes of readdirSync(dir, { encoding: 'buffer' }).sort(Buffer.compare)) {
      const name = bytes.toString();
      const path = join(dir, name);
      const id = relative(root, path).split(sep).join('/');
      if (!Buffer.from(name).equals(bytes)) {
        refused.push({ id, cause: 'its name is not UTF-8; rename it' });
        continue;
      }
      const facts = statSync(path, { throwIfNoEntry: false });
      if (facts?.isDirectory() && depth < DEEPEST && !name.startsWith('.')) walk(path, depth + 1);
      else if (!facts?.isDirectory()) (isVideo(name) ? videos : others).push(id);
    }
  };
  try {
    walk(root, 0);
  } catch (error) {
    throw told('read', (error as NodeJS.ErrnoException).path ?? root, error);
  }
  return { videos, others, refused };
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws UserError that names the file */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw told('read', path, error);
  }
}

/** @throws UserError that names the file, also when it is not what `holds` wants */
export function readJson<T>(path: string, holds: (value: unknown) => value is T): T {
  const text = readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`${path}: ${messageOf(cause)}`, 1, { cause });
  }
  if (holds(value)) return value;
  throw new UserError(`${path}: not the file of that name that the data set's authors hand out`);
}
