/** One video to one folder of face crops. */
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Image } from '../data/image.js';
import { cropAround } from '../faces/box.js';
import type { FaceDetector } from '../faces/detector.js';
import { type Track, Tracker } from '../faces/tracks.js';
import { attempt, writeFolderAtomic } from '../io/files.js';
import { frameIndices, type Sampling, type VideoFile } from '../video/ffmpeg.js';

export interface ClipOptions {
  readonly sampling: Sampling;
  /** Side of a crop over the longer side of the face. */
  readonly margin: number;
}

/** What has become of a video; kept beside its crops, so that a run that goes on knows. */
export interface ClipRecord {
  /** Frames looked at, and crops written: those in which the followed face was found. */
  readonly frames: number;
  readonly crops: number;
  /** People seen, as far as position tells. */
  readonly people: number;
  /** What ffmpeg complained of, though it gave frames. */
  readonly complaints: readonly string[];
}

/**
 * Detects faces in the sampled frames, follows each, and keeps the crops of the one that is in the picture most. The folder appears
 * whole; a video without a face leaves none.
 * @throws Error when the video cannot be read
 */
export async function prepareClip(
  video: VideoFile,
  folder: string,
  detector: FaceDetector,
  { sampling, margin }: ClipOptions,
): Promise<ClipRecord> {
  const indices = frameIndices(await video.countFrames(), sampling);
  const tracker = new Tracker();
  let frames = 0;
  const crops = await writeFolderAtomic(folder, async (draft) => {
    for await (const { index, image } of video.frames(indices)) {
      frames++;
      const faces = await detector.detect(image);
      for (const [i, track] of tracker.add(faces).entries())
        await writeCrop(image, cropAround(faces[i]!, margin, image), await fileOf(draft, track, index));
    }
    return keep(draft, tracker);
  });
  if (crops === 0) await attempt('remove', folder, () => rmdir(folder));
  return { frames, crops, people: tracker.tracks.length, complaints: [...video.complaints] };
}

/** Each track has a folder in the draft: which one is kept is known at the end of the video. */
async function fileOf(draft: string, { id }: Track, index: number): Promise<string> {
  const folder = join(draft, `${id}`);
  await attempt('write', draft, () => mkdir(folder, { recursive: true }));
  return join(folder, `${String(index).padStart(6, '0')}.png`);
}

async function writeCrop(
  { width, height, data }: Image,
  crop: { x: number; y: number; width: number; height: number },
  path: string,
): Promise<void> {
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .extract({ left: crop.x, top: crop.y, width: crop.width, height: crop.height })
    .png({ compressionLevel: 6 })
    .toBuffer();
  await attempt('write', path, () => writeFile(path, png));
}

/** Moves the main track's crops up into the draft and removes the other tracks. @returns how many there are */
async function keep(draft: string, tracker: Tracker): Promise<number> {
  const main = tracker.main();
  return attempt('write', draft, async () => {
    const files = main ? await readdir(join(draft, `${main.id}`)) : [];
    for (const file of files) await rename(join(draft, `${main!.id}`, file), join(draft, file));
    for (const { id } of tracker.tracks) await rm(join(draft, `${id}`), { recursive: true });
    return files.length;
  });
}
