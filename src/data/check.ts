/** What is wrong with a data set, by cause. Unlike training, which stops at the first mistake in a list, this reads all of it. */
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { messageOf } from '../errors.js';
import { decode } from './decode.js';
import {
  CLASSES,
  fieldsOf,
  findFolder,
  type ListOptions,
  locate,
  rowsOf,
  SPLITS,
  type SplitName,
} from './lists.js';
import { peopleOf } from './people.js';
import { type PrefixMapping, suggestMappings } from './prefixes.js';

/** In this order they are shown. */
export const CAUSES = {
  'missing list': 'error',
  'malformed line': 'error',
  'label contradicts its list': 'error',
  'label contradicts the path': 'error',
  'path leaves the data root': 'error',
  'missing folder': 'error',
  'folder without images': 'error',
  'image that cannot be read': 'error',
  'folder in two splits': 'error',
  'person in two splits': 'error',
  'folder twice in a list': 'warning',
  'frame count differs from column 3': 'warning',
  'split with one class only': 'error',
  'classes out of balance': 'warning',
} as const;
export type Cause = keyof typeof CAUSES;

export interface Finding {
  readonly cause: Cause;
  readonly severity: 'error' | 'warning';
  readonly count: number;
  /** The first few, each with its list and line or its file. */
  readonly examples: readonly string[];
}

export interface SplitFacts {
  readonly split: SplitName;
  readonly clips: Readonly<Record<'real' | 'fake', number>>;
  readonly frames: Readonly<Record<'real' | 'fake', number>>;
}

export interface Report {
  readonly dataset: string;
  readonly splits: readonly SplitFacts[];
  /** Pictures that were read, and the shorter sides of the smallest, the median and the largest. */
  readonly images: {
    readonly read: number;
    readonly smallest: number;
    readonly median: number;
    readonly largest: number;
  };
  readonly findings: readonly Finding[];
  /** Flags that would find missing folders, and how many. */
  readonly mappings: readonly PrefixMapping[];
}

const EXAMPLES = 5;
/** Fakes over reals, or the other way round, in clips. FF++ has 4, Celeb-DF-v2 about 6. */
const IMBALANCE = 10;
/** Pictures decoded at once: sharp decodes each in a thread of its own, of which Node has four. */
const AT_ONCE = 8;

class Findings {
  private readonly found = new Map<Cause, { count: number; examples: string[] }>();

  /** @param shared causes that the data set's own authors decided on are worth a warning only */
  constructor(private readonly shared: ReadonlySet<Cause>) {}

  add(cause: Cause, example: string): void {
    const entry = this.found.get(cause) ?? { count: 0, examples: [] };
    this.found.set(cause, entry);
    if (entry.count++ < EXAMPLES) entry.examples.push(example);
  }

  all(): Finding[] {
    return (Object.keys(CAUSES) as Cause[]).flatMap((cause) => {
      const entry = this.found.get(cause);
      const severity = this.shared.has(cause) ? 'warning' : CAUSES[cause];
      return entry ? [{ cause, severity, ...entry }] : [];
    });
  }
}

/** A line whose folder has images. */
interface Line {
  readonly at: string;
  readonly split: SplitName;
  readonly label: 0 | 1;
  readonly path: string;
  readonly dir: string;
  readonly frames: readonly string[];
}

/**
 * Reads all lists, folders and pictures of a data set.
 * @param progress told of pictures done and their number
 */
export async function checkDataset(
  dataset: string,
  options: ListOptions,
  progress: (done: number, total: number) => void = () => {},
): Promise<Report> {
  // Celeb-DF's official test list was not drawn by people.
  const findings = new Findings(new Set(/Celeb-DF/.test(dataset) ? ['person in two splits'] : []));
  const missing: string[] = [];
  const lines = SPLITS.flatMap((split) => checkLists(dataset, split, options, findings, missing));
  checkLeaks(lines, findings);
  const splits = SPLITS.map((split) => factsOf(split, lines)).filter(
    ({ clips }) => clips.real + clips.fake > 0,
  );
  for (const facts of splits) checkBalance(facts, findings);
  const images = await checkImages(lines, findings, progress);
  const mappings = suggestMappings(missing, [
    options.dataRoot ?? '.',
    options.datasets,
    join(options.datasets, '..'),
  ]);
  return { dataset, splits, images, findings: findings.all(), mappings };
}

function checkLists(
  dataset: string,
  split: SplitName,
  options: ListOptions,
  findings: Findings,
  missing: string[],
): Line[] {
  const { folder } = locate(dataset, options.datasets);
  const lists = CLASSES.map((kind) => join(options.datasets, folder, `${split}_${kind}.txt`));
  if (split === 'val' && !lists.some((list) => existsSync(list))) return [];
  return lists.flatMap((list, label) => checkList(list, label as 0 | 1, split, options, findings, missing));
}

function checkList(
  list: string,
  expected: 0 | 1,
  split: SplitName,
  options: ListOptions,
  findings: Findings,
  missing: string[],
): Line[] {
  let text: string;
  try {
    text = readFileSync(list, 'utf8');
  } catch (error) {
    findings.add('missing list', `${list}: ${messageOf(error)}`);
    return [];
  }
  const seen = new Set<string>();
  return rowsOf(text).flatMap(({ row, line }) => {
    const at = `${list}:${line}`;
    const fields = fieldsOf(row);
    if (!fields) findings.add('malformed line', `${at}: "${row.trim().slice(0, 120)}"`);
    if (!fields) return [];
    const { label, path, count } = fields;
    if (label !== expected)
      findings.add('label contradicts its list', `${at}: label ${label} (${CLASSES[label]})`);
    else if (labelInPath(path) === 1 - label)
      findings.add('label contradicts the path', `${at}: label ${label}, ${path}`);
    if (!isAbsolute(path) && /^\.\.([\\/]|$)/.test(normalize(path)))
      findings.add('path leaves the data root', `${at}: ${path}`);
    const folder = findFolder(path, options);
    if (typeof folder === 'string') {
      const isEmpty = folder.startsWith('no .png');
      findings.add(isEmpty ? 'folder without images' : 'missing folder', `${at}: ${folder}`);
      if (!isEmpty) missing.push(path);
      return [];
    }
    if (seen.has(folder.dir)) findings.add('folder twice in a list', `${at}: ${path}`);
    seen.add(folder.dir);
    if (count !== `${folder.frames.length}`)
      findings.add(
        'frame count differs from column 3',
        `${at}: says ${count || 'nothing'}, has ${folder.frames.length}`,
      );
    return [{ at, split, label, path, ...folder }];
  });
}

/** What the official folders of the five data sets say. */
function labelInPath(path: string): 0 | 1 | undefined {
  const named = path.split(/[\\/]/).findLast((part) => REAL.test(part) || FAKE.test(part));
  return named === undefined ? undefined : FAKE.test(named) ? 1 : 0;
}
const REAL = /^(original_sequences|original_videos|Celeb-real|YouTube-real|real)$/;
const FAKE = /^(manipulated_sequences|Celeb-synthesis|method_[A-Z]|fake)$/;

function checkLeaks(lines: readonly Line[], findings: Findings): void {
  const places = (keysOf: (line: Line) => readonly string[]) => {
    const found = new Map<string, Map<SplitName, string>>();
    for (const line of lines)
      for (const key of keysOf(line)) {
        const splits = found.get(key) ?? new Map<SplitName, string>();
        found.set(key, splits.has(line.split) ? splits : splits.set(line.split, line.at));
      }
    return [...found].filter(([, splits]) => splits.size > 1);
  };
  const tell = (cause: Cause, [key, splits]: [string, Map<SplitName, string>]) =>
    findings.add(cause, `${key}: ${[...splits].map(([split, at]) => `${split} (${at})`).join(', ')}`);
  for (const shared of places(({ dir }) => [dir])) tell('folder in two splits', shared);
  for (const shared of places(({ path }) => peopleOf(path))) tell('person in two splits', shared);
}

function factsOf(split: SplitName, lines: readonly Line[]): SplitFacts {
  const own = CLASSES.map((_, label) => lines.filter((line) => line.split === split && line.label === label));
  const [real, fake] = own as [Line[], Line[]];
  const framesIn = (clips: readonly Line[]) => clips.reduce((sum, { frames }) => sum + frames.length, 0);
  return {
    split,
    clips: { real: real.length, fake: fake.length },
    frames: { real: framesIn(real), fake: framesIn(fake) },
  };
}

function checkBalance({ split, clips: { real, fake } }: SplitFacts, findings: Findings): void {
  if (real === 0 || fake === 0)
    findings.add('split with one class only', `${split}: ${real} real, ${fake} fake clips`);
  else if (Math.max(real / fake, fake / real) > IMBALANCE)
    findings.add('classes out of balance', `${split}: ${real} real, ${fake} fake clips`);
}

async function checkImages(
  lines: readonly Line[],
  findings: Findings,
  progress: (done: number, total: number) => void,
): Promise<Report['images']> {
  const files = [...new Set(lines.flatMap(({ dir, frames }) => frames.map((name) => join(dir, name))))];
  const sides: number[] = [];
  const broken = new Map<number, string>();
  let [next, done] = [0, 0];
  const work = async (): Promise<void> => {
    while (next < files.length) {
      const i = next++;
      try {
        const { width, height } = await decode(await readFile(files[i]!));
        sides.push(Math.min(width, height));
      } catch (error) {
        broken.set(i, causeOf(files[i]!, error));
      }
      progress(++done, files.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const i of [...broken.keys()].sort((a, b) => a - b))
    findings.add('image that cannot be read', `${files[i]}: ${broken.get(i)}`);
  sides.sort((a, b) => a - b);
  const at = (share: number) => sides[Math.floor(share * (sides.length - 1))] ?? 0;
  return { read: sides.length, smallest: at(0), median: at(0.5), largest: at(1) };
}

/** Node replaces what is not UTF-8 in a name, so that no file has the name it gives. */
function causeOf(file: string, error: unknown): string {
  return file.includes('\uFFFD') ? 'its name is not UTF-8; rename it' : messageOf(error);
}
