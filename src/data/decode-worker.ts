/** A decoding thread: takes one task after the other, answers each with the picture's bytes or with the cause of its failure. */
import { parentPort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { messageOf } from '../errors.js';
import { Rng } from '../rng.js';
import { augment } from './augment.js';
import { loadImage } from './decode.js';
import type { Decoded, DecodeTask, ThreadOptions } from './decoder.js';

// One picture is one thread's work: the pool is what runs in parallel. Every picture is read once, so nothing is worth caching.
sharp.concurrency(1);
sharp.cache(false);

const port = parentPort!;
const options: ThreadOptions = workerData;

async function answer({ file, key }: DecodeTask): Promise<Decoded> {
  try {
    const image = await loadImage(file, options);
    if (key.length === 0) return { ok: true, bytes: image.data };
    const augmented = await augment(image, options.augmentation, new Rng(...key), options.channelOrder);
    return { ok: true, bytes: augmented.image.data };
  } catch (error) {
    return { ok: false, cause: messageOf(error) };
  }
}

async function reply(task: DecodeTask): Promise<void> {
  const result = await answer(task);
  port.postMessage(result, result.ok ? [result.bytes.buffer as ArrayBuffer] : []);
}

// In turn, so that closing waits for the picture in hand.
let last = Promise.resolve();
port.on('message', (message: DecodeTask | 'close') => {
  last = last.then(() => (message === 'close' ? port.close() : reply(message)));
});
