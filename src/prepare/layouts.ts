/** Where the videos of the five data sets are, and their official splits, as their authors hand them out. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { METHODS, type SplitName } from '../data/lists.js';
import { isVideo, peopleOf, stemOf } from '../data/people.js';
import { UserError } from '../errors.js';
import { type Found, filesBelow, isRecord, readJson, readText } from './source-files.js';
import type { Video } from './splits.js';

export const LAYOUTS = ['FF++', 'Celeb-DF-v1', 'Celeb-DF-v2', 'DFDC-Preview', 'DFDC', 'folders'] as const;
export type LayoutName = (typeof LAYOUTS)[number];

export interface Survey {
  readonly videos: readonly Video[];
  /** What there is to know about the folder, a line each. */
  readonly notes: readonly string[];
  /** Videos that cannot be used, and why. */
  readonly refused: readonly { readonly id: string; readonly cause: string }[];
}

/**
 * Finds the videos below `root`, their labels, people and official splits.
 * @param compression of FF++: raw, c0, c23 or c40
 * @throws UserError when nothing there looks like the layout
 */
export function survey(layout: LayoutName, root: string, compression: string): Survey {
  const found = filesBelow(root);
  const result = READERS[layout](root, found, compression);
  if (result.videos.length === 0)
    throw new UserError(
      `${root}: no videos in the layout ${layout}, which has ${EXPECTED[layout].replaceAll('c23', compression)}`,
    );
  return { ...result, refused: [...(result.refused ?? []), ...found.refused] };
}

const EXPECTED: Readonly<Record<LayoutName, string>> = {
  'FF++':
    'original_sequences/youtube/c23/videos/*.mp4 and manipulated_sequences/Deepfakes/c23/videos/*.mp4 (--compression c23)',
  'Celeb-DF-v1': 'Celeb-real/, Celeb-synthesis/ and YouTube-real/ with *.mp4',
  'Celeb-DF-v2': 'Celeb-real/, Celeb-synthesis/ and YouTube-real/ with *.mp4',
  'DFDC-Preview': 'dataset.json, original_videos/ and method_*/',
  DFDC: 'folders with *.mp4 and metadata.json or labels.csv',
  folders: 'real/ and fake/ with videos, or train/real, train/fake, test/real ...',
};

type Reader = (
  root: string,
  found: Found,
  compression: string,
) => { videos: Video[]; notes: string[]; refused?: { id: string; cause: string }[] };

const READERS: Readonly<Record<LayoutName, Reader>> = {
  'FF++': faceForensics,
  'Celeb-DF-v1': celebDf,
  'Celeb-DF-v2': celebDf,
  'DFDC-Preview': dfdcPreview,
  DFDC: dfdc,
  folders,
};

const make = (root: string, id: string, label: 0 | 1, more: Partial<Video> = {}): Video => ({
  id,
  file: join(root, id),
  label,
  people: peopleOf(id),
  ...more,
});

function faceForensics(root: string, { videos }: Found, compression: string) {
  const pattern =
    /^(?:.*\/)?(?:original_sequences\/youtube|manipulated_sequences\/([^/]+))\/([^/]+)\/videos\/[^/]+$/;
  const matched = videos.flatMap((id) => {
    const [match, method, level] = pattern.exec(id) ?? [];
    return match === undefined ? [] : [{ id, method, level }];
  });
  const splitOf = faceForensicsSplits(root);
  const isKnown = (method?: string) =>
    method === undefined || (METHODS as readonly string[]).includes(method);
  const chosen = matched.filter(({ level, method }) => level === compression && isKnown(method));
  const others = new Set(matched.filter(({ method }) => !isKnown(method)).map(({ method }) => method!));
  const notes = [...others].map(
    (method) => `${method} is not one of the four methods of the published lists: left out`,
  );
  if (!splitOf)
    notes.push(
      'no train.json, val.json, test.json (of the FaceForensics repository, dataset/splits): splitting by people',
    );
  return {
    notes,
    videos: chosen.map(({ id, method }) =>
      make(root, id, method ? 1 : 0, { split: splitOf?.get(stemOf(id)) }),
    ),
  };
}

/** dataset/splits of the FaceForensics repository: pairs of videos whose faces were swapped, [["071","054"], ...]. */
function faceForensicsSplits(root: string): Map<string, SplitName> | undefined {
  const home = ['.', 'splits', 'dataset/splits'].find((dir) => existsSync(join(root, dir, 'train.json')));
  if (home === undefined) return undefined;
  const splitOf = new Map<string, SplitName>();
  for (const split of ['train', 'val', 'test'] as const) {
    const pairs = readJson(join(root, home, `${split}.json`), isPairs);
    for (const [a, b] of pairs) for (const stem of [a, b, `${a}_${b}`, `${b}_${a}`]) splitOf.set(stem, split);
  }
  return splitOf;
}

const isPairs = (value: unknown): value is [string, string][] =>
  Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2);

function celebDf(root: string, { videos, others }: Found) {
  const label = { 'Celeb-real': 0, 'YouTube-real': 0, 'Celeb-synthesis': 1 } as const;
  const list = others.find((id) => basename(id) === 'List_of_testing_videos.txt');
  // "1 YouTube-real/00170.mp4": there 1 is real; the folder says the same.
  const lines = list === undefined ? [] : readText(join(root, list)).split(/\r?\n/);
  const tested = new Set(lines.map((line) => line.replace(/^\s*[01]\s+/, '').trim()));
  const notes = list === undefined ? ['no List_of_testing_videos.txt: splitting by people'] : [];
  return {
    notes,
    videos: videos.flatMap((id) => {
      const [folder, name] = id.split('/').slice(-2) as [keyof typeof label, string];
      if (label[folder] === undefined || name === undefined) return [];
      return [make(root, id, label[folder], { split: tested.has(`${folder}/${name}`) ? 'test' : undefined })];
    }),
  };
}

interface PreviewEntry {
  readonly label: string;
  readonly set?: string;
  readonly target_id?: number | string;
  readonly swapped_id?: number | string;
}

/** dataset.json: path of a video -> label, set (train or test), and the actors. */
function dfdcPreview(root: string, { videos, others }: Found) {
  const list = others.find((id) => basename(id) === 'dataset.json');
  if (list === undefined) throw new UserError(`${root}: no dataset.json, which says which videos are fake`);
  const entries = readJson(join(root, list), isRecord) as Record<string, PreviewEntry>;
  const home = list.slice(0, -'dataset.json'.length);
  const known = new Map(videos.map((id) => [id, entries[id.slice(home.length)]]));
  const refused = unlisted(known, list, entries, home);
  return {
    refused,
    notes: [],
    videos: [...known].flatMap(([id, entry]) => {
      if (!entry) return [];
      const actors = [entry.target_id, entry.swapped_id].filter((actor) => actor != null).map(String);
      const people = actors.length > 0 ? [...new Set(actors)] : peopleOf(id);
      return [
        make(root, id, labelOf(entry.label), { people, split: entry.set === 'test' ? 'test' : undefined }),
      ];
    }),
  };
}

interface DfdcEntry {
  readonly label: string;
  readonly original?: string | null;
}

/** Parts of the training set with metadata.json each; `validation` and `test`, where there, with labels.csv or metadata.json. */
function dfdc(root: string, { videos, others }: Found) {
  const parts = others.filter((id) => /(^|\/)(metadata\.json|labels\.csv)$/.test(id));
  const refused: { id: string; cause: string }[] = [];
  const found: Video[] = [];
  const manyParts = parts.filter((id) => officialSplit(id) === undefined).length >= 3;
  for (const list of parts) {
    const home = list.slice(0, list.lastIndexOf('/') + 1);
    const entries = list.endsWith('.csv') ? readLabels(join(root, list)) : readDfdc(join(root, list));
    const own = videos.filter((id) => id.startsWith(home) && !id.slice(home.length).includes('/'));
    const known = new Map(own.map((id) => [id, entries[id.slice(home.length)]]));
    refused.push(...unlisted(known, list, entries, home));
    for (const [id, entry] of known) {
      if (!entry) continue;
      // The same actors occur in many videos of a part and in no other: with parts enough, a part is dealt out whole.
      const person = manyParts ? home : stemOf(entry.original ?? id);
      found.push(make(root, id, labelOf(entry.label), { people: [person], split: officialSplit(list) }));
    }
  }
  const unseen = new Set(
    videos.filter(
      (id) =>
        !parts.some(
          (list) => list.slice(0, list.lastIndexOf('/') + 1) === id.slice(0, id.lastIndexOf('/') + 1),
        ),
    ),
  );
  for (const id of unseen) refused.push({ id, cause: 'no metadata.json or labels.csv beside it' });
  return { videos: found, notes: [], refused };
}

const officialSplit = (id: string): SplitName | undefined => {
  if (/(^|\/)(validation|val)[^/]*\//.test(id)) return 'val';
  return /(^|\/)test[^/]*\//.test(id) ? 'test' : undefined;
};

const readDfdc = (path: string): Record<string, DfdcEntry> => {
  const entries = Object.entries(
    readJson(path, isRecord) as Record<string, DfdcEntry & { is_fake?: number }>,
  );
  // The test set's own file says is_fake: 0 or 1.
  return Object.fromEntries(
    entries.map(([name, entry]) => [
      name,
      { label: entry.label ?? String(entry.is_fake), original: entry.original },
    ]),
  ) as Record<string, DfdcEntry>;
};

/** filename,label with label 0 or 1. */
const readLabels = (path: string): Record<string, DfdcEntry> =>
  Object.fromEntries(
    readText(path)
      .split(/\r?\n/)
      .map((line) => line.split(',').map((cell) => cell.trim()))
      .filter(([name, label]) => name && isVideo(name) && label)
      .map(([name, label]) => [name!, { label: label! }]),
  );

/** Videos that the list lacks, and entries that have no video. */
function unlisted(
  known: ReadonlyMap<string, unknown>,
  list: string,
  entries: Readonly<Record<string, unknown>>,
  home: string,
): { id: string; cause: string }[] {
  const lacking = [...known].filter(([, entry]) => !entry).map(([id]) => ({ id, cause: `not in ${list}` }));
  const missing = Object.keys(entries)
    .map((name) => home + name)
    .filter((id) => isVideo(basename(id)) && !known.has(id))
    .map((id) => ({ id, cause: `in ${list}, but there is no such file` }));
  return [...lacking, ...missing];
}

const labelOf = (label: string): 0 | 1 => (/^(fake|1|1\.0)$/i.test(label) ? 1 : 0);

/** real/ and fake/ anywhere below the root, below train/, val/ and test/ if there are such. */
function folders(root: string, { videos }: Found) {
  const kindOf = (id: string) =>
    id
      .split('/')
      .slice(0, -1)
      .findLast((part) => /^(real|fake)s?$/i.test(part));
  const reals = new Set(videos.filter((id) => kindOf(id)?.toLowerCase().startsWith('real')).map(stemOf));
  return {
    notes: [],
    videos: videos.flatMap((id) => {
      const kind = kindOf(id);
      if (!kind) return [];
      const isFake = kind.toLowerCase().startsWith('fake');
      const split = id.split('/').find((part) => /^(train|val|test)$/.test(part)) as SplitName | undefined;
      return [make(root, id, isFake ? 1 : 0, { people: isFake ? sources(id, reals) : [stemOf(id)], split })];
    }),
  };
}

/** A fake called after real videos (`anna_bob` beside `anna` and `bob`) shows those people. */
function sources(id: string, reals: ReadonlySet<string>): string[] {
  const stem = stemOf(id);
  const parts = stem.split('_');
  const names = new Set<string>();
  for (let from = 0; from < parts.length; from++)
    for (let to = from + 1; to <= parts.length; to++) {
      const name = parts.slice(from, to).join('_');
      if (reals.has(name)) names.add(name);
    }
  return names.size > 0 ? [...names] : [stem];
}
