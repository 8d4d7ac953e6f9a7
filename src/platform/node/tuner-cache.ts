import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Timing, Timings, TunerCache } from '../../engine/tuner.js';
import { writeFileAtomic } from '../../io/files.js';
import { fnv1a } from '../../rng.js';
import { cacheDir } from './cache.js';

/**
 * Timings of one adapter and driver, as a JSON file of the user's cache folder. A file that cannot be read is as good as none: what it
 * held can be measured again.
 * @param adapter name and driver
 */
export function tunerCache(adapter: string): TunerCache {
  const path = join(cacheDir(), 'tuner', `${fnv1a(adapter).toString(16)}.json`);
  return {
    read: async () => {
      try {
        const kept = JSON.parse(await readFile(path, 'utf8')) as { adapter?: string; timings?: Timings };
        const entries = kept.adapter === adapter ? Object.entries(kept.timings ?? {}) : [];
        return Object.fromEntries(entries.filter(([, timings]) => areTimings(timings)));
      } catch {
        return {};
      }
    },
    write: (timings) =>
      writeFileAtomic(path, new TextEncoder().encode(`${JSON.stringify({ adapter, timings }, null, 1)}\n`)),
  };
}

const areTimings = (value: unknown): value is readonly Timing[] =>
  Array.isArray(value) &&
  value.every(
    (timing) =>
      typeof timing?.variant === 'string' &&
      typeof timing.ms === 'number' &&
      typeof timing.error === 'number',
  );
