import { totalmem } from 'node:os';
import { join } from 'node:path';
import { type Augmentation, stepsOf } from '../data/augment.js';
import { ensureBuiltin } from '../data/builtin/index.js';
import { Decoder } from '../data/decoder.js';
import { ImageCache } from '../data/image-cache.js';
import { type ListOptions, missingNote, readSplit, type Split, type SplitName } from '../data/lists.js';
import type { SampleList } from '../data/samples.js';
import { UserError } from '../errors.js';
import { cacheDir } from '../platform/node/cache.js';
import type { Config } from './config.js';

type DataConfig = Pick<Config, 'datasets' | 'data_root' | 'map_prefix'>;

/** What data preparation has to tell the user. */
export type Notify = (line: string) => void;

/** Reads the splits of one data set; `builtin` is drawn on first use. */
export async function openDataset(
  name: string,
  config: DataConfig,
  notify: Notify,
): Promise<(split: SplitName) => Split | undefined> {
  const options: ListOptions = {
    datasets: config.datasets,
    dataRoot: config.data_root,
    mapPrefix: config.map_prefix,
  };
  const lists = name === 'builtin' ? { datasets: await builtinFolder(notify) } : options;
  return (split) => {
    const read = readSplit(name, split, lists);
    const note = read && missingNote(read);
    if (note) notify(note);
    return read;
  };
}

/** Folder of the lists of `--dataset builtin`, which is drawn on first use. */
export async function builtinFolder(notify: Notify): Promise<string> {
  let announced = 0;
  const { datasetsDir } = await ensureBuiltin({
    cacheDir: cacheDir(),
    progress: (done, total) => {
      const tenth = Math.floor((10 * done) / total);
      if (tenth <= announced && announced > 0) return;
      announced = Math.max(1, tenth);
      notify(`drawing the built-in faces: ${done} of ${total} clips (once; kept in ${cacheDir()})`);
    },
  });
  return datasetsDir;
}

/**
 * @param lists what will be decoded; with --cache their pictures are read once, now
 * @param augmentation what happens to training pictures
 */
export async function openDecoder(
  {
    size,
    channel_order,
    num_workers: workers,
    cache,
  }: Pick<Config, 'size' | 'channel_order' | 'num_workers' | 'cache'>,
  lists: readonly SampleList[],
  notify: Notify,
  augmentation: Augmentation = 'none',
): Promise<Decoder> {
  const load = { size, channelOrder: channel_order, workers };
  const folder = cache === true ? join(cacheDir(), 'images') : cache;
  const caches: ImageCache[] = [];
  if (folder !== false)
    for (const list of new Set(lists)) caches.push(await ImageCache.open(list, { ...load, folder, notify }));
  return new Decoder({
    ...load,
    caches,
    augmentation: stepsOf(augmentation),
    onBad: (file, cause) => notify(`skipped ${file}: ${cause}`),
  });
}

/** A split that picks the best epoch needs both classes, or no AUC is defined. */
export function refuseOneClass({ name, folders }: SampleList): void {
  const labels = new Set(folders.map(({ label }) => label));
  if (labels.size < 2)
    throw new UserError(
      `${name}: has ${labels.has(1) ? 'fake' : 'real'} faces only, so no AUC picks the best epoch; add the other class or use another --select`,
    );
}

/** Device memory that a software driver may take: most of the machine's. A GPU tells its own limits. */
export const memoryBudget = (software: boolean): number =>
  software ? 0.8 * totalmem() : Number.POSITIVE_INFINITY;
