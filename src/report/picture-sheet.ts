import type { Image } from '../data/image.js';
import { Canvas, LETTER } from './canvas.js';

export interface CaptionedPicture {
  /** In R,G,B. */
  readonly image: Image;
  readonly caption: readonly string[];
}

export interface SheetRow {
  readonly title?: string;
  readonly pictures: readonly CaptionedPicture[];
}

const GAP = 6;

/** Pictures of one size in rows, each with its caption below, broken at its width. */
export function pictureSheet(rows: readonly SheetRow[]): Canvas {
  const { width = 0, height = 0 } = rows.flatMap(({ pictures }) => pictures)[0]?.image ?? {};
  const letters = Math.max(1, Math.floor(width / LETTER.width));
  const placed = rows.map(({ title, pictures }) => {
    const cells = pictures.map(({ image, caption }) => ({
      image,
      lines: caption.flatMap((line) => broken(line, letters)),
    }));
    const lines = Math.max(0, ...cells.map((cell) => cell.lines.length));
    const heading = title === undefined ? 0 : LETTER.height + GAP;
    return { title, cells, heading, height: heading + height + GAP + lines * LETTER.height + GAP };
  });
  const columns = Math.max(1, ...rows.map(({ pictures }) => pictures.length));
  const canvas = new Canvas(
    GAP + columns * (width + GAP),
    GAP + placed.reduce((sum, row) => sum + row.height, 0),
  );
  let top = GAP;
  for (const row of placed) {
    if (row.title !== undefined) canvas.write(row.title, GAP, top);
    for (const [i, { image, lines }] of row.cells.entries()) {
      const left = GAP + i * (width + GAP);
      canvas.draw(image, left, top + row.heading);
      for (const [k, line] of lines.entries())
        canvas.write(line, left, top + row.heading + height + GAP + k * LETTER.height);
    }
    top += row.height;
  }
  return canvas;
}

/** Lines of at most so many letters, broken between words where there are any. */
function broken(text: string, letters: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= letters)
      lines[lines.length - 1] = `${last} ${word}`;
    else
      for (let at = 0; at === 0 || at < word.length; at += letters) lines.push(word.slice(at, at + letters));
  }
  return lines;
}
