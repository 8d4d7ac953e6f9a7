import sharp from 'sharp';
import type { Image } from '../data/image.js';
import { writeFileAtomic } from '../io/files.js';
import { GLYPH, inkOf } from './pixel-font.js';

export type Colour = readonly [red: number, green: number, blue: number];

/** From one letter to the next, and from one line to the next. */
export const LETTER = { width: GLYPH.width + 1, height: GLYPH.height + 2 } as const;

/** Pixels to draw on, R,G,B; what falls outside is cut off. */
export class Canvas {
  private readonly data: Uint8Array;

  constructor(
    readonly width: number,
    readonly height: number,
    background: Colour = [255, 255, 255],
  ) {
    this.data = new Uint8Array(3 * width * height);
    this.fill(0, 0, width, height, background);
  }

  fill(left: number, top: number, width: number, height: number, colour: Colour): void {
    for (let y = Math.max(top, 0); y < Math.min(top + height, this.height); y++)
      for (let x = Math.max(left, 0); x < Math.min(left + width, this.width); x++)
        this.data.set(colour, 3 * (y * this.width + x));
  }

  /** @param image in R,G,B */
  draw(image: Image, left: number, top: number): void {
    for (let y = 0; y < image.height && top + y < this.height; y++) {
      const columns = Math.min(image.width, this.width - left);
      const from = 3 * y * image.width;
      this.data.set(image.data.subarray(from, from + 3 * columns), 3 * ((top + y) * this.width + left));
    }
  }

  /** One line of text, LETTER.width a letter. */
  write(text: string, left: number, top: number, colour: Colour = [0, 0, 0]): void {
    for (const [i, letter] of [...text].entries())
      for (const [x, y] of inkOf(letter)) this.fill(left + i * LETTER.width + x, top + y, 1, 1, colour);
  }

  /** @throws UserError when the file cannot be written */
  async save(path: string): Promise<void> {
    const { width, height } = this;
    await writeFileAtomic(
      path,
      await sharp(this.data, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer(),
    );
  }
}
