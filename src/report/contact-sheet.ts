import sharp from 'sharp';
import { writeFileAtomic } from '../io/files.js';

/** A scored face. */
export interface ScoredFrame {
  readonly file: string;
  /** 0 real, 1 fake. */
  readonly label: 0 | 1;
  /** Probability of fake. */
  readonly score: number;
}

const CELL = 96;
const FRAME = 4;
const BAR = 8;
const GAP = 6;
const COLUMNS = 8;
const RIGHT = '#2f9e5a';
const WRONG = '#d64545';

/**
 * A PNG of scored faces: reals above, fakes below. The frame is green where the decision is right and red where it is wrong; the bar
 * under a face is as long as its score.
 * @throws UserError when the file cannot be written
 */
export async function writeContactSheet(path: string, frames: readonly ScoredFrame[]): Promise<void> {
  const rows = ([0, 1] as const).flatMap((label) => {
    const of = frames.filter((frame) => frame.label === label).slice(0, 2 * COLUMNS);
    return Array.from({ length: Math.ceil(of.length / COLUMNS) }, (_, i) =>
      of.slice(i * COLUMNS, (i + 1) * COLUMNS),
    );
  });
  const stepX = CELL + 2 * FRAME + GAP;
  const stepY = stepX + BAR;
  const cells = await Promise.all(
    rows.flatMap((row, y) =>
      row.map(async (frame, x) => ({
        input: await cell(frame),
        left: GAP + x * stepX,
        top: GAP + y * stepY,
      })),
    ),
  );
  const width = GAP + COLUMNS * stepX;
  const height = GAP + Math.max(1, rows.length) * stepY;
  const sheet = sharp({ create: { width, height, channels: 3, background: '#ffffff' } }).composite(cells);
  await writeFileAtomic(path, await sheet.png().toBuffer());
}

async function cell({ file, label, score }: ScoredFrame): Promise<Buffer> {
  const colour = score > 0.5 === (label === 1) ? RIGHT : WRONG;
  const face = await sharp(file)
    .resize(CELL, CELL, { kernel: 'nearest', fit: 'fill' })
    .removeAlpha()
    .png()
    .toBuffer();
  const side = CELL + 2 * FRAME;
  const bar = {
    create: {
      width: Math.max(1, Math.round(score * side)),
      height: BAR - 3,
      channels: 3 as const,
      background: '#333333',
    },
  };
  return sharp({ create: { width: side, height: side + BAR, channels: 3, background: '#ffffff' } })
    .composite([
      { input: { create: { width: side, height: side, channels: 3, background: colour } }, left: 0, top: 0 },
      { input: face, left: FRAME, top: FRAME },
      { input: bar, left: 0, top: side + 3 },
    ])
    .png()
    .toBuffer();
}

/** n frames spread evenly over a list, so that a sheet shows many videos instead of one. */
export function spread<T>(list: readonly T[], n: number): T[] {
  return list.length <= n
    ? [...list]
    : Array.from({ length: n }, (_, i) => list[Math.floor(((i + 0.5) * list.length) / n)]!);
}
