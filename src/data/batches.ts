/**
 * Batches of decoded images. A training batch is a pure function of (seed, epoch, step) and the files: which threads decode, how many
 * there are and at which step a run starts leave it as it is.
 */
import { UsageError, UserError } from '../errors.js';
import { Rng } from '../rng.js';
import type { Decoder } from './decoder.js';
import type { Sample, SampleList } from './samples.js';

/** What batches need of a decoder. */
export type ImageSource = Pick<Decoder, 'bad' | 'decode' | 'imageBytes'>;

/** n images of side S. Every buffer is the receiver's own. */
export interface Batch {
  /** From 0 within the epoch or evaluation. */
  readonly step: number;
  /** [n, S, S, 3] bytes. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** [n]: 0 real, 1 fake. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** [n] indices into the sample list: which images these are. */
  readonly samples: number[];
}

/** Image i becomes lambda * image i + (1 - lambda) * image permutation[i], its label likewise (mixup). */
export interface Mixup {
  readonly lambda: number;
  /** [n] */
  readonly permutation: Uint32Array;
}

export type TrainingBatch = Batch & Mixup;

export interface EpochOptions {
  readonly seed: number;
  readonly epoch: number;
  /** --bs: images in a batch; the last one may be smaller. */
  readonly bs: number;
  /** Parameter of mixup's Beta(alpha, alpha); none: no mixup. */
  readonly alpha?: number | undefined;
  /** Where to begin, for a resumed run. */
  readonly firstStep?: number;
  /** Batches decoded while one is in use, default 2: with it, this many plus one are in memory. */
  readonly ahead?: number;
}

export type EvaluationOptions = Pick<EpochOptions, 'bs' | 'firstStep' | 'ahead'>;

/** How an epoch of training falls into batches. */
export interface EpochPlan {
  readonly steps: number;
  /** Images in the last batch, when they are fewer than in the others; else 0. */
  readonly tail: number;
  /** Images left out: 1 when the tail would be a single one, which has no variance for batch norm. */
  readonly dropped: 0 | 1;
}

/** @throws UserError when not even one batch of two images comes about */
export function epochPlan(samples: number, bs: number): EpochPlan {
  if (bs < 2)
    throw new UsageError(`--bs ${bs}: batch norm has no variance over one image; --bs must be at least 2`);
  if (samples < 2) throw new UserError(`training needs at least 2 images, there is ${samples}`);
  const rest = samples % bs;
  const dropped = rest === 1 ? 1 : 0;
  return { steps: Math.floor(samples / bs) + (rest > 1 ? 1 : 0), tail: dropped ? 0 : rest, dropped };
}

/** What mixup draws for a batch of n images. Without alpha: lambda 1, every image with itself. */
export function mixup(seed: number, epoch: number, step: number, n: number, alpha?: number): Mixup {
  if (alpha === undefined) return { lambda: 1, permutation: Uint32Array.from({ length: n }, (_, i) => i) };
  const rng = new Rng(seed, 'mixup', epoch, step);
  return { lambda: rng.beta(alpha, alpha), permutation: rng.permutation(n) };
}

/**
 * One epoch in a new order. In place of an image that cannot be read comes the next readable one in that order, around the end if
 * need be: so sizes and order of all others stay, and nothing need be read beforehand.
 * @throws UserError when no image at all can be read
 */
export async function* epochBatches(
  samples: SampleList,
  decoder: ImageSource,
  options: EpochOptions,
): AsyncGenerator<TrainingBatch, void, undefined> {
  const { seed, epoch, bs, alpha, firstStep = 0, ahead } = options;
  const { steps } = epochPlan(samples.length, bs);
  const order = new Rng(seed, 'shuffle', epoch).permutation(samples.length);

  const readableFrom = async (position: number): Promise<Loaded> => {
    for (let tried = 0; tried < order.length; tried++) {
      const index = order[(position + tried) % order.length]!;
      const sample = samples.at(index);
      if (decoder.bad.has(sample.file)) continue;
      const result = await decoder.decode(sample.file, seed, 'augment', epoch, position);
      if (result.ok) return { index, sample, bytes: result.bytes };
    }
    throw nothingReadable(samples, decoder);
  };
  const make = async (step: number): Promise<TrainingBatch> => {
    const positions = range(step * bs, Math.min(samples.length, (step + 1) * bs));
    const batch = await collect(step, positions.map(readableFrom), decoder.imageBytes);
    return { ...batch, ...mixup(seed, epoch, step, positions.length, alpha) };
  };
  yield* prefetched(firstStep, steps, make, ahead);
}

/**
 * Every image once, in order. Images that cannot be read are left out: their batch is smaller, or not there when it would be empty.
 * @throws UserError when no image at all can be read
 */
export async function* evaluationBatches(
  samples: SampleList,
  decoder: ImageSource,
  { bs, firstStep = 0, ahead }: EvaluationOptions,
): AsyncGenerator<Batch, void, undefined> {
  const load = async (index: number): Promise<Loaded | undefined> => {
    const sample = samples.at(index);
    const result = await decoder.decode(sample.file);
    return result.ok ? { index, sample, bytes: result.bytes } : undefined;
  };
  const make = (step: number): Promise<Batch> => {
    const indices = range(step * bs, Math.min(samples.length, (step + 1) * bs));
    return collect(step, indices.map(load), decoder.imageBytes);
  };
  let seen = 0;
  for await (const batch of prefetched(firstStep, Math.ceil(samples.length / bs), make, ahead)) {
    seen += batch.samples.length;
    if (batch.samples.length > 0) yield batch;
  }
  if (seen === 0 && firstStep === 0) throw nothingReadable(samples, decoder);
}

interface Loaded {
  readonly index: number;
  readonly sample: Sample;
  readonly bytes: Uint8Array;
}

/** Lays images side by side as they come in, and closes the gaps of those that did not. */
async function collect(
  step: number,
  loading: readonly Promise<Loaded | undefined>[],
  imageBytes: number,
): Promise<Batch> {
  const buffer = new Uint8Array(loading.length * imageBytes);
  const slots = await Promise.all(
    loading.map(async (promise, i) => {
      const loaded = await promise;
      if (loaded) buffer.set(loaded.bytes, i * imageBytes);
      return loaded && { i, index: loaded.index, label: loaded.sample.label };
    }),
  );
  const present = slots.filter((slot) => slot !== undefined);
  for (const [at, { i }] of present.entries())
    if (at < i) buffer.copyWithin(at * imageBytes, i * imageBytes, (i + 1) * imageBytes);
  return {
    step,
    images: buffer.subarray(0, present.length * imageBytes),
    labels: Uint32Array.from(present, ({ label }) => label),
    samples: present.map(({ index }) => index),
  };
}

/** The batches `from` to `to`, with the next ones being made while one is in use. */
async function* prefetched<T>(
  from: number,
  to: number,
  make: (step: number) => Promise<T>,
  ahead = 2,
): AsyncGenerator<T, void, undefined> {
  const making: Promise<T>[] = [];
  let next = from;
  for (let step = from; step < to; step++) {
    for (; next < to && next <= step + ahead; next++) {
      const batch = make(next);
      // A failure is the reader's when it gets there; until then, or if it stops before, nobody waits for this promise.
      batch.catch(() => {});
      making.push(batch);
    }
    yield making.shift()!;
  }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

function nothingReadable(samples: SampleList, { bad }: ImageSource): UserError {
  const file = range(0, samples.length)
    .map((i) => samples.at(i).file)
    .find((name) => bad.has(name));
  return new UserError(
    `${samples.name}: none of its ${samples.length} images can be read, e.g. ${file} (${bad.get(file ?? '')})`,
  );
}
