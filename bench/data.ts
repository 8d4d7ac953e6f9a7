import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import type { Step } from '../src/data/augment/steps.js';
import { planClips, Studio } from '../src/data/builtin/clips.js';
import { encodePng } from '../src/data/builtin/image.js';
import { Decoder } from '../src/data/decoder.js';
import { messageOf, UserError } from '../src/errors.js';

/** How many pictures a loader made, in how much time. */
export interface Loading {
  readonly images: number;
  readonly seconds: number;
  /** Of all threads. */
  readonly cpuSeconds: number;
}

const CROP = 300;
const CLIPS = 8;

/** Built-in faces as 300x300 PNGs in a temporary folder; every other one with predicted lines, as libpng and most programs write them. */
export async function withCrops<T>(use: (files: string[], folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'clew-crops-'));
  try {
    const studio = new Studio(CROP, 0);
    const files: string[] = [];
    for (const clip of planClips(0).slice(0, CLIPS))
      for (const [t, picture] of (await studio.film(clip)).entries()) {
        const plain = await encodePng(picture);
        const png = t % 2 ? await sharp(plain).png({ adaptiveFiltering: true }).toBuffer() : plain;
        files.push(join(folder, `${clip.name}_${t}.png`));
        await writeFile(files.at(-1)!, png);
      }
    return await use(files, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface LoaderOptions {
  readonly size: number;
  readonly workers: number;
  readonly augmentation: readonly Step[];
}

/** Loads files over and over, each time with another draw. Its threads live on between timings, with what they have compiled. */
export class Loader {
  private readonly decoder: Decoder;
  private passes = 0;

  constructor(
    private readonly files: readonly string[],
    options: LoaderOptions,
  ) {
    this.decoder = new Decoder({ ...options, channelOrder: 'bgr' });
  }

  async time(seconds: number): Promise<Loading> {
    const [start, cpu, first] = [performance.now(), process.cpuUsage(), this.passes];
    while (performance.now() - start < 1e3 * seconds) await this.pass();
    const { user, system } = process.cpuUsage(cpu);
    const images = (this.passes - first) * this.files.length;
    return { images, seconds: (performance.now() - start) / 1e3, cpuSeconds: (user + system) / 1e6 };
  }

  close(): Promise<void> {
    return this.decoder.close();
  }

  /** All files at once, as a training batch asks for them. */
  private async pass(): Promise<void> {
    const { files, decoder } = this;
    const pass = this.passes++;
    const results = await Promise.all(files.map((file, i) => decoder.decode(file, 0, 'bench', pass, i)));
    for (const [i, result] of results.entries())
      if (!result.ok) throw new UserError(`${files[i]}: ${result.cause}`);
  }
}

/** The same operations by bench/data-opencv.py. @param python program that can import cv2 and numpy */
export async function timeOpenCv(
  python: string,
  script: string,
  folder: string,
  { size, seconds }: { readonly size: number; readonly seconds: number },
): Promise<Loading & { readonly version: string }> {
  try {
    const words = [script, folder, '--size', `${size}`, '--seconds', `${seconds}`];
    return JSON.parse((await promisify(execFile)(python, words)).stdout);
  } catch (error) {
    const cause = messageOf(error).trim().split('\n').at(-1);
    throw new UserError(`--opencv ${python}: cannot run ${script}: ${cause}`, 1, { cause: error });
  }
}
