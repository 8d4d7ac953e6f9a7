/** Lists that were written on another machine: which `--map_prefix OLD=NEW` finds their folders here. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface PrefixMapping {
  readonly from: string;
  readonly to: string;
  /** How many of the missing folders it finds. */
  readonly finds: number;
}

/** Folders below the roots are looked through to this depth, and no more of them than this. */
const DEPTH = 4;
const MOST_FOLDERS = 20_000;
const MOST_MAPPINGS = 5;
const LONGEST_PATH = 4096;
/** Paths that are tried to find mappings; all are used to count. */
const TRIED = 50;

/**
 * Looks for folders near `roots` that end as missing paths do: the part before becomes OLD, the folder's own start NEW.
 * @returns the mapping that finds most, then the one that finds most of the rest, and so on
 */
export function suggestMappings(missing: readonly string[], roots: readonly string[]): PrefixMapping[] {
  const mappings: PrefixMapping[] = [];
  let rest = [...new Set(missing)];
  const byName = rest.length > 0 ? foldersByName(roots) : new Map<string, string[]>();
  while (rest.length > 0 && mappings.length < MOST_MAPPINGS) {
    const step = Math.max(1, Math.floor(rest.length / TRIED));
    const tried = rest.filter((_, i) => i % step === 0);
    const candidates = new Map(
      tried.flatMap((path) => candidatesFor(path, byName)).map((pair) => [pair.join('='), pair]),
    );
    const counted = [...candidates.values()].map(([from, to]) => ({
      from,
      to,
      finds: rest.filter((path) => finds(path, from, to)).length,
    }));
    const best = counted.reduce<PrefixMapping | undefined>(
      (a, b) => (a && a.finds >= b.finds ? a : b),
      undefined,
    );
    if (!best || best.finds === 0) break;
    mappings.push(best);
    rest = rest.filter((path) => !finds(path, best.from, best.to));
  }
  return mappings;
}

const finds = (path: string, from: string, to: string): boolean =>
  path.startsWith(from) && existsSync(to + path.slice(from.length));

/** The longest common end with a folder here gives the shortest OLD, which finds the most paths. */
function candidatesFor(path: string, byName: ReadonlyMap<string, readonly string[]>): [string, string][] {
  // No folder has a longer path on any system.
  if (path.length > LONGEST_PATH) return [];
  const parts = path.split('/');
  for (let k = 0; k < parts.length; k++) {
    const part = parts[k]!;
    const end = parts.slice(k + 1).join('/');
    const named = part === '' ? [] : (byName.get(part) ?? []);
    const found = named.filter((folder) => existsSync(join(folder, end)));
    if (found.length > 0) return found.map((folder) => mapping(parts.slice(0, k).join('/'), part, folder));
  }
  return [];
}

/** OLD may not be empty, so where nothing stands before the common end, its first folder joins both sides. */
function mapping(before: string, part: string, folder: string): [string, string] {
  const parent = folder.slice(0, -part.length - 1);
  return before === '' ? [part, folder] : [before, parent];
}

function foldersByName(roots: readonly string[]): Map<string, string[]> {
  const byName = new Map<string, string[]>();
  const seen = new Set<string>();
  let level = [...new Set(roots.map((root) => resolve(root)))];
  for (let depth = 0; depth <= DEPTH; depth++) {
    const below: string[] = [];
    for (const folder of level) {
      if (seen.has(folder) || seen.size >= MOST_FOLDERS) continue;
      seen.add(folder);
      const name = folder.slice(folder.lastIndexOf('/') + 1);
      byName.set(name, [...(byName.get(name) ?? []), folder]);
      below.push(...foldersIn(folder));
    }
    level = below;
  }
  return byName;
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
      .map(({ name }) => join(folder, name));
  } catch {
    return [];
  }
}
