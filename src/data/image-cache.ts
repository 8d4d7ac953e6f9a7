/**
 * Decoded, resized pictures of a sample list in one file, read at offsets (`--cache`): epochs after the first, and later runs, spare
 * the decoding. The file is a header, then the pictures side by side, then a byte for each that says whether there is one.
 */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openToRead, writeFileAtomic } from '../io/files.js';
import type { LoadOptions } from './decode.js';
import { Decoder } from './decoder.js';
import type { SampleList } from './samples.js';

/** Where a picture lies. */
export interface Slot {
  readonly cache: string;
  readonly offset: number;
}

/** Part of the header: raise it whenever decoding or resizing gives other bytes. */
const FORMAT = 'clew image cache 1';
const HEADER_BYTES = 256;

export interface CacheOptions extends LoadOptions {
  /** Folder of the cache files. */
  readonly folder: string;
  /** Threads that decode while it is made. */
  readonly workers: number;
  readonly notify: (line: string) => void;
}

export class ImageCache {
  private readonly slots = new Map<string, number>();

  /** @param present a byte for each file: 0 where it could not be read */
  private constructor(
    readonly path: string,
    files: readonly string[],
    present: Uint8Array,
    private readonly imageBytes: number,
  ) {
    for (const [i, file] of files.entries()) if (present[i]) this.slots.set(file, i);
  }

  /** Undefined for a picture that could not be read: it is for the decoder to say why. */
  slotOf(file: string): Slot | undefined {
    const i = this.slots.get(file);
    return i === undefined ? undefined : { cache: this.path, offset: HEADER_BYTES + i * this.imageBytes };
  }

  /**
   * The cache of a list's pictures, made unless a whole one is there that knows each file's present size and time of change.
   * @throws UserError when it cannot be written
   */
  static async open(samples: SampleList, options: CacheOptions): Promise<ImageCache> {
    const files = [...new Set(samples.files())];
    const { size, channelOrder, folder, notify } = options;
    const imageBytes = 3 * size * size;
    const path = join(folder, `${digest([size, channelOrder, ...files]).slice(0, 16)}.images`);
    const header = headerOf({
      format: FORMAT,
      images: files.length,
      imageBytes,
      files: digest(files.map(stateOf)),
    });
    const found = await presentIn(path, header, files.length, imageBytes);
    if (found instanceof Uint8Array) return new ImageCache(path, files, found, imageBytes);
    const gigabytes = ((files.length * imageBytes) / 1e9).toFixed(1);
    notify(
      `--cache: ${found}writing ${files.length} images of the ${samples.name} to ${path} (${gigabytes} GB)`,
    );
    const present = new Uint8Array(files.length);
    await writeFileAtomic(path, contents(header, files, present, options));
    return new ImageCache(path, files, present, imageBytes);
  }
}

const digest = (words: readonly (string | number)[]): string =>
  createHash('sha256').update(words.join('\n')).digest('hex');

/** What changes with a file's contents. */
function stateOf(file: string): string {
  try {
    const { size, mtimeMs } = statSync(file);
    return `${size} ${mtimeMs}`;
  } catch {
    return 'none';
  }
}

function headerOf(fields: object): Buffer {
  return Buffer.from(`${JSON.stringify(fields).padEnd(HEADER_BYTES - 1)}\n`);
}

/** @returns which pictures the cache holds, or, as the start of a note, what is wrong with it ('' when there is none) */
async function presentIn(
  path: string,
  header: Buffer,
  images: number,
  imageBytes: number,
): Promise<Uint8Array | string> {
  if (!existsSync(path)) return '';
  const file = await openToRead(path);
  try {
    const { size } = await file.stat();
    const there = Buffer.alloc(HEADER_BYTES);
    await file.read(there, 0, HEADER_BYTES, 0);
    if (!there.equals(header)) return 'images have changed since it was made; ';
    const flags = HEADER_BYTES + images * imageBytes;
    if (size !== flags + images) return `it is cut off (${size} of ${flags + images} bytes); `;
    const present = new Uint8Array(images);
    await file.read(present, 0, images, flags);
    return present;
  } finally {
    await file.close();
  }
}

/** The bytes of a new cache; `present` is filled along the way. Pictures are decoded a few ahead of the writing. */
async function* contents(
  header: Buffer,
  files: readonly string[],
  present: Uint8Array,
  { size, channelOrder, workers, notify }: CacheOptions,
): AsyncGenerator<Uint8Array> {
  yield header;
  const decoder = new Decoder({ size, channelOrder, workers });
  const start = performance.now();
  try {
    const ahead = 4 * Math.max(1, workers);
    const decoding = files.slice(0, ahead).map((file) => decoder.decode(file));
    for (let i = 0; i < files.length; i++) {
      const result = await decoding.shift()!;
      if (i + ahead < files.length) decoding.push(decoder.decode(files[i + ahead]!));
      present[i] = result.ok ? 1 : 0;
      yield result.ok ? result.bytes : new Uint8Array(decoder.imageBytes);
      if (isTenth(i + 1, files.length))
        notify(progress(i + 1, files.length, (performance.now() - start) / 1e3));
    }
  } finally {
    await decoder.close();
  }
  yield present;
}

/** Whether another tenth is full. Small caches are there before a line could be read. */
const isTenth = (done: number, all: number): boolean =>
  all >= 1000 && Math.floor((10 * done) / all) > Math.floor((10 * (done - 1)) / all);

function progress(done: number, all: number, seconds: number): string {
  const left = Math.round((seconds * (all - done)) / done);
  return `--cache: ${done} of ${all} images, ${(done / seconds).toFixed(0)} images/s, ${left} s left`;
}
