/**
 * Data sets in the reference's layout: DATASETS/NAME/{train,val,test}_{real,fake}.txt, one video a line, `label,path,frame_count`,
 * path a folder of face crops. The lists people have were written on other machines, hence the ways to find their folders here.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UserError } from '../errors.js';
import { folderTrouble, framesOf } from './folders.js';
import { type ImageFolder, SampleList } from './samples.js';

export const SPLITS = ['train', 'val', 'test'] as const;
export type SplitName = (typeof SPLITS)[number];

/** The forgery methods of FF++, each also a data set of its own: its fakes and all reals. */
export const METHODS = ['Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures'] as const;
export type Method = (typeof METHODS)[number];

/** FF++ goes by either name, whichever folder there is. */
const FF_NAMES = ['FF++', 'FF++_c23'];

export interface ListOptions {
  /** --datasets: folder of the data sets. */
  readonly datasets: string;
  /** --data_root: where relative paths in lists start; default the working folder. */
  readonly dataRoot?: string | undefined;
  /** --map_prefix: the first pair whose `from` starts a path replaces that start by `to`. */
  readonly mapPrefix?: readonly { readonly from: string; readonly to: string }[];
}

/** One line of a list. */
export interface Clip extends ImageFolder {
  readonly label: 0 | 1;
  readonly list: string;
  /** From 1. */
  readonly line: number;
  /** How a fake of FF++ was made. */
  readonly method?: Method | undefined;
}

/** A line whose folder has no images. */
export interface MissingClip {
  readonly list: string;
  readonly line: number;
  readonly path: string;
  readonly cause: string;
}

export interface Split {
  readonly name: SplitName;
  readonly dataset: string;
  readonly clips: readonly Clip[];
  readonly missing: readonly MissingClip[];
  /** How often training repeats each real video, to make up for fewer of them. */
  readonly realRepeats: number;
}

export const CLASSES = ['real', 'fake'] as const;

/**
 * @returns undefined when `val` has no lists (the reference's sets have, others may not)
 * @throws UserError for a missing list, a malformed line, a label that contradicts its list, a split without a single image
 */
export function readSplit(dataset: string, name: 'train' | 'test', options: ListOptions): Split;
export function readSplit(dataset: string, name: SplitName, options: ListOptions): Split | undefined;
export function readSplit(dataset: string, name: SplitName, options: ListOptions): Split | undefined {
  const { folder, method } = locate(dataset, options.datasets);
  const lists = CLASSES.map((kind) => join(options.datasets, folder, `${name}_${kind}.txt`));
  if (name === 'val' && !lists.some((list) => existsSync(list))) return undefined;

  const clips: Clip[] = [];
  const missing: MissingClip[] = [];
  for (const [label, list] of lists.entries()) {
    const entries = readList(list, label as 0 | 1, options);
    const wanted = method && label === 1 ? entries.filter((entry) => entry.method === method) : entries;
    if (method && label === 1 && wanted.length === 0)
      throw new UserError(`${list}: no path in it names ${method}`);
    for (const entry of wanted) {
      const found = open(entry, options);
      if (typeof found === 'string') missing.push({ list, line: entry.line, path: entry.path, cause: found });
      else clips.push(found);
    }
  }
  const split = { name, dataset, clips, missing, realRepeats: method ? 1 : realRepeats(folder) };
  if (clips.length === 0) throw emptySplit(split, lists);
  return split;
}

/** METHOD 5's factors. A single method of FF++ has as many fakes as reals, so its reals stay as they are. */
function realRepeats(dataset: string): number {
  if (dataset.includes('FF++') || dataset.includes('DFDC-Preview')) return 4;
  if (dataset.includes('Celeb-DF-v2')) return 6;
  return dataset.includes('DFDC') ? 5 : 1;
}

export function trainingSamples(split: Split): SampleList {
  return new SampleList(nameOf(split), split.clips, ({ label }) => (label === 0 ? split.realRepeats : 1));
}

export const evaluationSamples = (split: Split): SampleList => new SampleList(nameOf(split), split.clips);

/** One line on the videos that a split lacks, the first few by name; undefined when it lacks none. */
export function missingNote(split: Split, shown = 3): string | undefined {
  const { missing, clips } = split;
  if (missing.length === 0) return undefined;
  const first = missing.slice(0, shown).map(describe).join('; ');
  const rest = missing.length > shown ? `; and ${missing.length - shown} more` : '';
  const total = missing.length + clips.length;
  return `${nameOf(split)}: ${missing.length} of ${total} videos are missing: ${first}${rest}`;
}

const nameOf = ({ name, dataset }: Pick<Split, 'name' | 'dataset'>) => `${name} split of ${dataset}`;
const describe = ({ list, line, path, cause }: MissingClip) => `${list}:${line} ${path} (${cause})`;

/** The folder of a data set, and the method if it is FF++ by method. A folder of exactly that name comes first. */
export function locate(dataset: string, datasets: string): { folder: string; method?: Method } {
  const has = (folder: string) => existsSync(join(datasets, folder));
  if (has(dataset)) return { folder: dataset };
  const method = METHODS.find((name) => name === dataset);
  const ff = FF_NAMES.find(has);
  if (ff && method) return { folder: ff, method };
  return { folder: ff && FF_NAMES.includes(dataset) ? ff : dataset };
}

interface Entry {
  readonly label: 0 | 1;
  readonly path: string;
  readonly list: string;
  readonly line: number;
  readonly method?: Method | undefined;
}

function readList(list: string, expected: 0 | 1, options: ListOptions): Entry[] {
  return rowsOf(readText(list, options.datasets)).map(({ row, line }) => parse(row, list, line, expected));
}

/** The lines of a list that are not blank, with their numbers from 1. */
export function rowsOf(text: string): { row: string; line: number }[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .flatMap((row, i) => (row.trim() ? [{ row, line: i + 1 }] : []));
}

/**
 * `label,path,frame_count`; undefined for anything else. The path is all between the first and the last comma: folders may have commas in
 * their names.
 */
export function fieldsOf(row: string): { label: 0 | 1; path: string; count: string } | undefined {
  const [, digit, path, count = ''] = /^\s*([01])\s*,\s*(.*?)\s*,([^,]*)$/.exec(row) ?? [];
  return digit && path ? { label: digit === '1' ? 1 : 0, path, count: count.trim() } : undefined;
}

function parse(row: string, list: string, line: number, expected: 0 | 1): Entry {
  const fields = fieldsOf(row);
  if (!fields)
    throw new UserError(
      `${list}:${line}: expected "label,path,frame_count" with label 0 (real) or 1 (fake), got "${row.trim()}"`,
    );
  const { label, path } = fields;
  if (label !== expected)
    throw new UserError(
      `${list}:${line}: label ${label} (${CLASSES[label]}) in a list of ${CLASSES[expected]} videos`,
    );
  return { label, path, list, line, method: label === 1 ? methodOf(path) : undefined };
}

/** The method named last in a path: a folder further up may be called after another. */
function methodOf(path: string): Method | undefined {
  const named = METHODS.filter((method) => path.includes(method));
  return named.sort((a, b) => path.lastIndexOf(b) - path.lastIndexOf(a))[0];
}

/** @returns the clip, or why it has no images */
function open(entry: Entry, options: ListOptions): Clip | string {
  const { path, list, line, label, method } = entry;
  const found = findFolder(path, options);
  if (typeof found === 'string') return found;
  return { key: `${list}:${path}`, label, ...found, list, line, method };
}

/** @returns the images of a path in a list, or why there are none. As written comes first, then without white space (the reference's way). */
export function findFolder(
  path: string,
  { dataRoot = '.', mapPrefix = [] }: Pick<ListOptions, 'dataRoot' | 'mapPrefix'>,
): { dir: string; frames: string[] } | string {
  let trouble: string | undefined;
  for (const written of new Set([path, path.replace(/\s+/g, '')])) {
    const pair = mapPrefix.find(({ from }) => written.startsWith(from));
    const dir = resolve(dataRoot, pair ? pair.to + written.slice(pair.from.length) : written);
    try {
      const frames = framesOf(dir);
      if (frames.length > 0) return { dir, frames };
      trouble ??= `no .png, .jpg or .jpeg in ${dir}`;
    } catch (error) {
      trouble ??= `${folderTrouble(error)}: ${dir}`;
    }
  }
  return trouble!;
}

function readText(list: string, datasets: string): string {
  try {
    return readFileSync(list, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const what = code === 'ENOENT' || code === 'ENOTDIR' ? 'no list' : `cannot read the list (${code})`;
    throw new UserError(
      `${what} ${list}: --datasets says where data sets are (now ${datasets}, which holds ${contents(datasets)}), --dataset which to take`,
      1,
      { cause: error },
    );
  }
}

function contents(dir: string): string {
  try {
    const folders = readdirSync(dir, { withFileTypes: true }).filter((entry) => !entry.isFile());
    return folders.length > 0
      ? folders
          .map(({ name }) => name)
          .sort()
          .join(', ')
      : 'none';
  } catch (error) {
    return `none: ${folderTrouble(error)}`;
  }
}

function emptySplit(split: Omit<Split, 'realRepeats'>, lists: readonly string[]): UserError {
  const [first] = split.missing;
  if (!first) return new UserError(`${nameOf(split)} names no videos: ${lists.join(' and ')} are empty`);
  return new UserError(
    `${nameOf(split)} has no images: all ${split.missing.length} videos are missing, the first ${describe(first)}. ` +
      'If the folders are elsewhere, --data_root DIR is where relative paths start and --map_prefix OLD=NEW moves absolute ones',
  );
}
