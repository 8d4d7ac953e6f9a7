import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { Rng } from '../../src/rng.js';

export interface TinySet {
  /** For --datasets. */
  readonly datasets: string;
  readonly name: string;
}

/** A data set in the reference's layout: clips of 4 noise frames, fakes a little redder in one corner. 40 training images. */
export async function makeTinySet(folder: string, size = 32): Promise<TinySet> {
  const clips = { train: 5, val: 2, test: 2 };
  for (const [split, count] of Object.entries(clips))
    for (const label of [0, 1]) {
      const kind = label === 0 ? 'real' : 'fake';
      const lines: string[] = [];
      for (let clip = 0; clip < count; clip++) {
        const dir = join(folder, 'frames', split, kind, `${clip}.mp4`);
        mkdirSync(dir, { recursive: true });
        for (let frame = 0; frame < 4; frame++)
          await writeFrame(join(dir, `${frame}.png`), size, label, `${split} ${clip} ${frame}`);
        lines.push(`${label},${dir},4`);
      }
      const lists = join(folder, 'datasets', 'toy');
      mkdirSync(lists, { recursive: true });
      writeFileSync(join(lists, `${split}_${kind}.txt`), `${lines.join('\n')}\n`);
    }
  return { datasets: join(folder, 'datasets'), name: 'toy' };
}

async function writeFrame(path: string, size: number, label: number, key: string): Promise<void> {
  const rng = new Rng(label, key);
  const data = Uint8Array.from({ length: size * size * 3 }, () => rng.below(200));
  if (label === 1)
    for (let y = 0; y < size / 2; y++) for (let x = 0; x < size / 2; x++) data[3 * (y * size + x)]! += 50;
  await sharp(data, { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toFile(path);
}
