/** A folder of videos to a data set of face crops and its lists. Every clip is whole or not there, so a run can end at any moment. */
import { access, readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { SPLITS } from '../data/lists.js';
import { messageOf, UsageError, UserError } from '../errors.js';
import type { DetectorName, FaceDetector } from '../faces/detector.js';
import { removeFile, writeFileAtomic } from '../io/files.js';
import { type Sampling, VideoFile } from '../video/ffmpeg.js';
import { type ClipRecord, prepareClip } from './clip.js';
import { type LayoutName, survey } from './layouts.js';
import { assignSplits, type Video } from './splits.js';

export interface PrepareOptions {
  readonly videos: string;
  readonly out: string;
  readonly layout: LayoutName;
  readonly compression: string;
  readonly sampling: Sampling;
  readonly margin: number;
  readonly seed: number;
  readonly detector: DetectorName;
  readonly detectorModel: string | undefined;
  /** Videos that are worked on at once. */
  readonly workers: number;
}

/** What prepare needs from outside. */
export interface Tools {
  readonly ffmpeg: string;
  readonly detector: FaceDetector;
  /** Ends the run: videos under way are given up. */
  readonly signal: AbortSignal;
  progress(at: { done: number; total: number; withoutFace: number; failed: number }): void;
}

export interface Trouble {
  readonly id: string;
  readonly cause: string;
}

export interface Summary {
  /** Name for --dataset, folder for --datasets. */
  readonly dataset: string;
  readonly datasets: string;
  readonly clips: number;
  readonly crops: number;
  readonly bySplit: Readonly<Record<string, number>>;
  readonly withoutFace: readonly string[];
  /** Videos, or entries of the official lists, that could not be used. */
  readonly failed: readonly Trouble[];
  /** Videos that gave frames although parts of them are broken. */
  readonly damaged: readonly Trouble[];
  /** Forgeries of people of two splits. */
  readonly crossing: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Goes on where an earlier run ended. Writes below `out`: frames/ (the crops), clips/ (what became of each video), datasets/NAME/ (the
 * lists), skipped.txt and prepare.json.
 * @returns undefined when the signal ended it
 * @throws UsageError when an earlier run there had other options
 */
export async function prepare(options: PrepareOptions, tools: Tools): Promise<Summary | undefined> {
  const out = resolve(options.out);
  if (/[\s,]/.test(out))
    throw new UsageError(`-o ${options.out}: lists cannot hold paths with commas or white space`);
  const found = survey(options.layout, options.videos, options.compression);
  await claim(out, options);
  const failed: Trouble[] = [...found.refused];
  const clips = clipsOf(found.videos, out, failed);
  const records = new Map<Video, ClipRecord>();
  const waiting: Clip[] = [];
  for (const clip of clips) {
    const record = await finished(clip);
    if (record) records.set(clip.video, record);
    else waiting.push(clip);
  }
  const report = () => {
    const withoutFace = [...records.values()].filter(({ crops }) => crops === 0).length;
    tools.progress({
      done: records.size + failed.length,
      total: clips.length,
      withoutFace,
      failed: failed.length,
    });
  };
  const work = async (): Promise<void> => {
    for (let clip = waiting.shift(); clip && !tools.signal.aborted; clip = waiting.shift()) {
      try {
        records.set(clip.video, await make(clip, options, tools));
      } catch (error) {
        if (tools.signal.aborted) return;
        if (error instanceof UserError) {
          waiting.length = 0; // A full disk, say: the others finish what they hold.
          throw error;
        }
        failed.push({ id: clip.video.id, cause: messageOf(error) });
      }
      report();
    }
  };
  report();
  const ends = await Promise.allSettled(Array.from({ length: options.workers }, work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return tools.signal.aborted ? undefined : finish(options, out, clips, records, failed, found.notes);
}

interface Clip {
  readonly video: Video;
  readonly folder: string;
  readonly record: string;
}

/** Lists cannot hold commas, and the reference deletes white space: neither gets into a folder's name. */
function clipsOf(videos: readonly Video[], out: string, failed: Trouble[]): Clip[] {
  const taken = new Map<string, string>();
  return videos.flatMap((video) => {
    const name = video.id.replace(/[\s,]/g, '_');
    const other = taken.get(name);
    if (other !== undefined)
      failed.push({ id: video.id, cause: `its crops would go where those of ${other} go; rename it` });
    if (other !== undefined) return [];
    taken.set(name, video.id);
    return [{ video, folder: join(out, 'frames', name), record: join(out, 'clips', `${name}.json`) }];
  });
}

async function make(
  { video, folder, record }: Clip,
  options: PrepareOptions,
  tools: Tools,
): Promise<ClipRecord> {
  const file = new VideoFile(tools.ffmpeg, video.file, tools.signal);
  const made = await prepareClip(file, folder, tools.detector, options);
  await writeJson(record, made);
  return made;
}

/** What an earlier run has written of a clip, if it is all there. */
async function finished({ folder, record }: Clip): Promise<ClipRecord | undefined> {
  try {
    const made = JSON.parse(await readFile(record, 'utf8')) as ClipRecord;
    const there =
      made.crops === 0 ? 0 : (await readdir(folder)).filter((name) => name.endsWith('.png')).length;
    return there === made.crops ? made : undefined;
  } catch {
    return undefined;
  }
}

const writeJson = (path: string, value: unknown): Promise<void> =>
  writeFileAtomic(path, new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`));

/** Notes in prepare.json what the crops depend on; a folder with crops of another kind is refused. */
async function claim(out: string, options: PrepareOptions): Promise<void> {
  const { layout, compression, sampling, margin, detector, detectorModel = null } = options;
  const { count: frames = 'all', every } = sampling;
  const videos = resolve(options.videos);
  const wanted = {
    videos,
    layout,
    compression,
    frames,
    every,
    margin,
    detector,
    detector_model: detectorModel,
  };
  const path = join(out, 'prepare.json');
  const isNew = await access(path).then(
    () => false,
    () => true,
  );
  if (isNew) return writeJson(path, wanted);
  const before = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  const differing = Object.entries(wanted).find(([key, value]) => before[key] !== value);
  if (!differing) return;
  const [key, value] = differing;
  throw new UsageError(
    `-o ${options.out}: was begun with ${key} ${before[key]}, now it is ${value}; go on with the same flags, or choose another folder`,
  );
}

async function finish(
  options: PrepareOptions,
  out: string,
  clips: readonly Clip[],
  records: ReadonlyMap<Video, ClipRecord>,
  failed: readonly Trouble[],
  notes: readonly string[],
): Promise<Summary> {
  const withFace = clips.filter(({ video }) => (records.get(video)?.crops ?? 0) > 0);
  const withoutFace = clips
    .filter(({ video }) => records.get(video)?.crops === 0)
    .map(({ video }) => video.id);
  // Dealt out over all videos of the folder, so that a video which failed today moves no other when it is repaired.
  const { splitOf, crossing } = assignSplits(
    clips.map(({ video }) => video),
    options.seed,
  );
  const dataset =
    options.layout === 'folders' ? basename(resolve(options.videos)).replace(/[\s,]/g, '_') : options.layout;
  const datasets = join(out, 'datasets');
  const bySplit: Record<string, number> = {};
  for (const split of SPLITS) {
    const own = withFace.filter(({ video }) => splitOf.get(video) === split);
    for (const [label, kind] of ['real', 'fake'].entries()) {
      const lines = own
        .filter(({ video }) => video.label === label)
        .map(({ video, folder }) => `${label},${folder},${records.get(video)!.crops}\n`);
      bySplit[`${split}_${kind}`] = lines.length;
      const list = join(datasets, dataset, `${split}_${kind}.txt`);
      // A split without a clip has no lists: empty ones would be an error to train on.
      if (own.length === 0) await removeFile(list);
      else await writeFileAtomic(list, new TextEncoder().encode(lines.join('')));
    }
  }
  const damaged = clips.flatMap(({ video }) => {
    const [first] = records.get(video)?.complaints ?? [];
    return first === undefined ? [] : [{ id: video.id, cause: first }];
  });
  const sorted = [...failed].sort((a, b) => (a.id < b.id ? -1 : 1));
  const summary = {
    dataset,
    datasets,
    clips: withFace.length,
    crops: withFace.reduce((sum, { video }) => sum + records.get(video)!.crops, 0),
    bySplit,
    withoutFace,
    failed: sorted,
    damaged,
    crossing: crossing.map(({ id }) => id),
    notes,
  };
  await writeFileAtomic(join(out, 'skipped.txt'), new TextEncoder().encode(skipped(summary)));
  return summary;
}

/** One line for each video that is in no list. */
function skipped({ withoutFace, failed, crossing }: Summary): string {
  return [
    ...failed.map(({ id, cause }) => `${id}: ${cause}\n`),
    ...withoutFace.map((id) => `${id}: no face found\n`),
    ...crossing.map((id) => `${id}: shows people of two splits\n`),
  ].join('');
}
