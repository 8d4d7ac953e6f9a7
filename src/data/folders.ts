/** Folders of images on disk. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, UserError } from '../errors.js';
import type { ImageFolder } from './samples.js';

/** What is a frame; files whose name starts with a dot are not (file managers leave such beside the images). */
const IMAGE = /^[^.].*\.(png|jpe?g)$/i;

/** Names of the images in a folder, sorted by the bytes of their UTF-8: the order of `ls` in the C locale. */
export function framesOf(dir: string): string[] {
  return readdirSync(dir, { encoding: 'buffer' })
    .sort(Buffer.compare)
    .map((name) => name.toString())
    .filter((name) => IMAGE.test(name));
}

/** Why a folder cannot be listed, in a few words. */
export function folderTrouble(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'no such folder';
  if (code === 'ENOTDIR') return 'not a folder';
  return messageOf(error);
}

/**
 * Videos without labels for `--images DIR`: the images in DIR are one, those of each folder in it another.
 * @throws UserError when there is none
 */
export function imagesIn(dir: string): ImageFolder[] {
  try {
    const folders = readdirSync(dir)
      .sort()
      .filter((name) => statSync(join(dir, name), { throwIfNoEntry: false })?.isDirectory());
    const found = ['.', ...folders]
      .map((name) => ({ key: name, dir: join(dir, name), frames: framesOf(join(dir, name)) }))
      .filter(({ frames }) => frames.length > 0);
    if (found.length > 0) return found;
  } catch (error) {
    throw new UserError(`--images ${dir}: ${folderTrouble(error)}`, 1, { cause: error });
  }
  throw new UserError(`--images ${dir}: no .png, .jpg or .jpeg in it or in a folder in it`);
}
