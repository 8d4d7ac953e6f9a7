import sharp from 'sharp';
import { Canvas, type Colour } from './canvas.js';

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
const RIGHT: Colour = [0x2f, 0x9e, 0x5a];
const WRONG: Colour = [0xd6, 0x45, 0x45];
const INK: Colour = [0x33, 0x33, 0x33];

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
  const canvas = new Canvas(GAP + COLUMNS * stepX, GAP + Math.max(1, rows.length) * stepY);
  for (const [y, row] of rows.entries())
    for (const [x, frame] of row.entries()) await drawCell(canvas, frame, GAP + x * stepX, GAP + y * stepY);
  await canvas.save(path);
}

async function drawCell(canvas: Canvas, frame: ScoredFrame, left: number, top: number): Promise<void> {
  const { file, label, score } = frame;
  const side = CELL + 2 * FRAME;
  canvas.fill(left, top, side, side, score > 0.5 === (label === 1) ? RIGHT : WRONG);
  const face = await sharp(file)
    .resize(CELL, CELL, { kernel: 'nearest', fit: 'fill' })
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer();
  canvas.draw({ width: CELL, height: CELL, data: face }, left + FRAME, top + FRAME);
  canvas.fill(left, top + side + 3, Math.max(1, Math.round(score * side)), BAR - 3, INK);
}

/** n frames spread evenly over a list, so that a sheet shows many videos instead of one. */
export function spread<T>(list: readonly T[], n: number): T[] {
  return list.length <= n
    ? [...list]
    : Array.from({ length: n }, (_, i) => list[Math.floor(((i + 0.5) * list.length) / n)]!);
}
