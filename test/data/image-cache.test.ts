import { readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { stepsOf } from '../../src/data/augment.js';
import { epochBatches, evaluationBatches, type TrainingBatch } from '../../src/data/batches.js';
import { Decoder } from '../../src/data/decoder.js';
import { type CacheOptions, ImageCache } from '../../src/data/image-cache.js';
import { SampleList } from '../../src/data/samples.js';
import { listFolder } from '../../src/io/files.js';
import { Rng } from '../../src/rng.js';
import { raw, temporaryFolder, write } from './files.js';

const SIZE = 24;
const load = { size: SIZE, channelOrder: 'bgr' } as const;
const N = 14;
const TORN = 5;

/** Noise pictures of several sizes, one of them torn, each twice in the list. */
async function makeList(folder: string): Promise<SampleList> {
  const dir = join(folder, 'frames');
  const frames = Array.from({ length: N }, (_, i) => `${i}.png`);
  for (const [i, frame] of frames.entries()) {
    const rng = new Rng('cache', i);
    const side = 20 + i;
    const data = Uint8Array.from({ length: 3 * side * side }, () => rng.below(256));
    write(join(dir, frame), i === TORN ? 'torn' : await raw(data, side, side, 3).png().toBuffer());
  }
  return new SampleList('train split of Set', [{ key: 'x', dir, label: 1, frames }], () => 2);
}

async function setup() {
  const folder = temporaryFolder();
  const samples = await makeList(folder);
  const notes: string[] = [];
  const options: CacheOptions = {
    ...load,
    folder: join(folder, 'cache'),
    workers: 2,
    notify: (line) => notes.push(line.replace(/; writing .*|^(--cache: )writing .*/, '$1')),
  };
  return { samples, notes, options, open: () => ImageCache.open(samples, options) };
}

/** Two epochs of training with full augmentation, and an evaluation. */
async function batches(samples: SampleList, workers: number, caches: ImageCache[] = []): Promise<unknown[]> {
  const told: string[] = [];
  const decoder = new Decoder({
    ...load,
    workers,
    caches,
    augmentation: stepsOf('reference'),
    onBad: (_, cause) => told.push(cause),
  });
  onTestFinished(() => decoder.close());
  const all: unknown[] = [];
  for (const epoch of [1, 2])
    for await (const batch of epochBatches(samples, decoder, { seed: 3, epoch, bs: 6, alpha: 0.5 }))
      all.push(batch);
  for await (const batch of evaluationBatches(samples, decoder, { bs: 6 })) all.push(batch);
  return [...all, told];
}

test('augmented batches depend neither on the number of workers nor on a cache', async () => {
  const { samples, open, notes } = await setup();
  const plain = await batches(samples, 0);
  expect(plain.at(-1)).toEqual(['neither a PNG nor a JPEG']);
  const [first, second] = [plain[0] as TrainingBatch, plain[5] as TrainingBatch];
  expect(first.images).not.toEqual(second.images);
  expect(await batches(samples, 1)).toEqual(plain);
  expect(await batches(samples, 3)).toEqual(plain);
  const cache = await open();
  for (const workers of [1, 3]) expect(await batches(samples, workers, [cache])).toEqual(plain);
  const again = await open();
  expect(again.path).toBe(cache.path);
  expect(await batches(samples, 2, [again])).toEqual(plain);
  expect(notes).toEqual(['--cache: ']);
});

test('pictures come from the cache, not from their files', async () => {
  const { samples, open } = await setup();
  const before = await batches(samples, 2);
  const cache = await open();
  for (const file of samples.files()) if (!file.endsWith(`/${TORN}.png`)) writeFileSync(file, 'gone');
  expect(await batches(samples, 2, [cache])).toEqual(before);
});

test('a cache taken away after it was opened is not missed', async () => {
  const { samples, open } = await setup();
  const before = await batches(samples, 2);
  const cache = await open();
  truncateSync(cache.path, 3 * SIZE * SIZE * 4);
  expect(await batches(samples, 2, [cache])).toEqual(before);
});

test('a stale or truncated cache is made anew, with a note', async () => {
  const { samples, notes, open, options } = await setup();
  const cache = await open();
  const whole = readFileSync(cache.path);
  expect(whole.length).toBe(256 + N * 3 * SIZE * SIZE + N);

  truncateSync(cache.path, whole.length - 1);
  await open();
  expect(readFileSync(cache.path)).toEqual(whole);

  const [file] = samples.files();
  const { mtimeMs } = statSync(file!);
  utimesSync(file!, new Date(), new Date(mtimeMs + 5000));
  await open();
  expect(readFileSync(cache.path).subarray(256)).toEqual(whole.subarray(256));

  writeFileSync(
    file!,
    await raw(new Uint8Array(3 * 4 * 4).fill(200), 4, 4, 3)
      .png()
      .toBuffer(),
  );
  await open();
  expect(readFileSync(cache.path)[256]).toBe(200);

  writeFileSync(cache.path, 'something else');
  await open();
  expect(notes).toEqual([
    '--cache: ',
    `--cache: it is cut off (${whole.length - 1} of ${whole.length} bytes)`,
    '--cache: images have changed since it was made',
    '--cache: images have changed since it was made',
    '--cache: images have changed since it was made',
  ]);
  const other = await ImageCache.open(samples, { ...options, size: 10 });
  expect(other.path).not.toBe(cache.path);
  expect(await listFolder(options.folder)).toHaveLength(2);
});

test('a cache that cannot be written is an error that says so', async () => {
  const { samples, options, notes } = await setup();
  writeFileSync(options.folder, 'a file');
  await expect(ImageCache.open(samples, options)).rejects.toThrow(
    /^cannot write .*cache.*a part of the path is a file/,
  );
  expect(notes).toEqual(['--cache: ']);
});
