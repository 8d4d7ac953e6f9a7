/** Who goes where, for videos that no official list assigns: split by people, so that nobody is in two splits. */
import { SPLITS, type SplitName } from '../data/lists.js';
import { Rng } from '../rng.js';

export interface Video {
  /** Path below the data set's folder, with `/`. */
  readonly id: string;
  readonly file: string;
  readonly label: 0 | 1;
  readonly people: readonly string[];
  /** As an official list says. */
  readonly split?: SplitName | undefined;
}

/** FF++'s own proportions: 720, 140 and 140 videos. */
const SHARES: Readonly<Record<SplitName, number>> = { train: 0.72, val: 0.14, test: 0.14 };

export interface Assignment {
  readonly splitOf: ReadonlyMap<Video, SplitName>;
  /** Forgeries of two people in different splits: in any split they would leak. */
  readonly crossing: readonly Video[];
}

/**
 * Splits that an official list has filled stay as they are; the others share the rest in SHARES' proportions. People who occur together
 * are dealt out together; where that would put nearly everybody in one group (Celeb-DF swaps each face onto many), single people are dealt
 * out, and forgeries between splits left out.
 */
export function assignSplits(videos: readonly Video[], seed: number): Assignment {
  const official = videos.filter(({ split }) => split);
  const rest = videos.filter(({ split }) => !split);
  const filled = new Set(official.map(({ split }) => split));
  const open = SPLITS.filter((split) => !filled.has(split));
  const splitOf = new Map<Video, SplitName>(official.map((video) => [video, video.split!]));
  const crossing: Video[] = [];
  if (open.length === 0) open.push('train');
  const splitOfPerson = deal(groupsOf(rest, open), sharesOf(open), seed);
  for (const video of rest) {
    const splits = new Set(video.people.map((person) => splitOfPerson.get(person)!));
    if (splits.size === 1) splitOf.set(video, [...splits][0]!);
    else crossing.push(video);
  }
  return { splitOf, crossing };
}

interface Group {
  readonly people: readonly string[];
  readonly clips: number;
}

/** Shares of the splits that are to be filled, which sum to 1. */
function sharesOf(splits: readonly SplitName[]): Map<SplitName, number> {
  const sum = splits.reduce((total, split) => total + SHARES[split], 0);
  return new Map(splits.map((split) => [split, SHARES[split] / sum]));
}

/** Those who occur together, or, where a group would be larger than any split, single people. */
function groupsOf(videos: readonly Video[], splits: readonly SplitName[]): Group[] {
  const together = connected(videos);
  const largest = Math.max(0, ...together.map(({ clips }) => clips));
  const room = Math.max(...sharesOf(splits).values()) * videos.length;
  if (together.length >= splits.length && largest <= room) return together;
  const clips = new Map<string, number>();
  for (const { people } of videos)
    for (const person of people) clips.set(person, (clips.get(person) ?? 0) + 1 / people.length);
  return [...clips].map(([person, count]) => ({ people: [person], clips: count }));
}

/** Groups of people who are linked by clips (union-find). */
function connected(videos: readonly Video[]): Group[] {
  const parent = new Map<string, string>();
  const find = (person: string): string => {
    let root = person;
    for (let up = parent.get(root)!; up !== root; up = parent.get(root)!) root = up;
    for (let at = person; at !== root; ) {
      const up = parent.get(at)!;
      parent.set(at, root);
      at = up;
    }
    return root;
  };
  for (const { people } of videos) {
    for (const person of people) if (!parent.has(person)) parent.set(person, person);
    for (const person of people) parent.set(find(person), find(people[0]!));
  }
  const people = new Map<string, string[]>();
  for (const person of parent.keys()) {
    const root = find(person);
    people.set(root, [...(people.get(root) ?? []), person]);
  }
  const clips = new Map<string, number>();
  for (const video of videos) {
    const root = find(video.people[0]!);
    clips.set(root, (clips.get(root) ?? 0) + 1);
  }
  return [...people].map(([root, group]) => ({ people: group, clips: clips.get(root)! }));
}

/** Groups in a seeded order, each to the split that lacks most of its share; the last ones to splits that have none yet. */
function deal(
  groups: readonly Group[],
  shares: ReadonlyMap<SplitName, number>,
  seed: number,
): Map<string, SplitName> {
  const sorted = [...groups].sort((a, b) => (a.people[0]! < b.people[0]! ? -1 : 1));
  const order = [...new Rng(seed, 'splits').permutation(sorted.length)].map((i) => sorted[i]!);
  const total = groups.reduce((sum, { clips }) => sum + clips, 0);
  const lacks = new Map([...shares].map(([split, share]) => [split, total * share]));
  const empty = new Set(shares.keys());
  const splitOf = new Map<string, SplitName>();
  for (const [i, { people, clips }] of order.entries()) {
    const open = order.length - i <= empty.size ? [...empty] : [...lacks.keys()];
    const split = open.reduce((a, b) => (lacks.get(b)! > lacks.get(a)! ? b : a));
    lacks.set(split, lacks.get(split)! - clips);
    empty.delete(split);
    for (const person of people) splitOf.set(person, split);
  }
  return splitOf;
}
