import { basename, join } from 'node:path';
import { loadImage } from '../data/decode.js';
import { type Clip, SPLITS } from '../data/lists.js';
import { messageOf } from '../errors.js';
import { spread } from '../report/contact-sheet.js';
import { type CaptionedPicture, pictureSheet, type SheetRow } from '../report/picture-sheet.js';
import type { ConfigOf } from './config.js';
import { openDataset } from './datasets.js';

/** At most this side: a sheet is for looking at many faces at once. */
const SIDE = 128;

/** `clew data show`: real and fake faces of each split, one of each video. */
export async function run(config: ConfigOf<'data'>): Promise<number> {
  const { n = 8, o: out = 'sheet.png' } = config;
  const size = Math.min(config.size, SIDE);
  const rows: SheetRow[] = [];
  for (const dataset of config.dataset) {
    const split = await openDataset(
      dataset,
      config,
      (line) => void process.stderr.write(`clew: note: ${line}\n`),
    );
    for (const name of SPLITS) {
      const clips = split(name)?.clips ?? [];
      for (const [label, kind] of ['real', 'fake'].entries()) {
        const of = clips.filter((clip) => clip.label === label);
        if (of.length === 0) continue;
        const frames = of.reduce((sum, clip) => sum + clip.frames.length, 0);
        rows.push({
          title: `${dataset} ${name} ${kind}: ${of.length} videos, ${frames} images`,
          pictures: await Promise.all(spread(of, n).map((clip) => middleFrame(clip, size))),
        });
      }
    }
  }
  await pictureSheet(rows).save(out);
  process.stdout.write(`wrote ${out}: ${rows.length} rows\n`);
  return 0;
}

/** A frame that cannot be read is a gray square with the cause. */
async function middleFrame({ dir, frames }: Clip, size: number): Promise<CaptionedPicture> {
  const frame = frames[frames.length >> 1]!;
  const name = `${basename(dir)} ${frame}`;
  try {
    return { image: await loadImage(join(dir, frame), { size, channelOrder: 'rgb' }), caption: [name] };
  } catch (error) {
    const image = { width: size, height: size, data: new Uint8Array(3 * size * size).fill(128) };
    return { image, caption: [name, messageOf(error)] };
  }
}
