/** A decoding thread: takes one task after the other, answers each with the picture's bytes or with the cause of its failure. */
import { parentPort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { messageOf } from '../errors.js';
import { Rng } from '../rng.js';
import { augmentations } from './augment.js';
import { type LoadOptions, loadImage } from './decode.js';
import type { Decoded, DecodeTask } from './decoder.js';

// One picture is one thread's work: the pool is what runs in parallel. Every picture is read once, so nothing is worth caching.
sharp.concurrency(1);
sharp.cache(false);

const port = parentPort!;

async function answer({ file, augmentation, key }: DecodeTask): Promise<Decoded> {
  try {
    const image = await loadImage(file, workerData as LoadOptions);
    return { ok: true, bytes: (await augmentations[augmentation](image, new Rng(...key))).data };
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
