/** A decoding thread: takes one task after the other, answers each with the picture's bytes or with the cause of its failure. */
import { openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../errors.js';
import { Rng } from '../rng.js';
import { augment } from './augment.js';
import { loadImage } from './decode.js';
import type { Decoded, DecodeTask, ThreadOptions } from './decoder.js';
import type { Image } from './image.js';
import type { Slot } from './image-cache.js';

const port = parentPort!;
const options: ThreadOptions = workerData;

async function answer({ file, key, slot }: DecodeTask): Promise<Decoded> {
  try {
    const image = (slot && fromCache(slot)) ?? (await loadImage(file, options));
    if (key.length === 0) return { ok: true, bytes: image.data };
    const augmented = await augment(image, options.augmentation, new Rng(...key), options.channelOrder);
    return { ok: true, bytes: augmented.image.data };
  } catch (error) {
    return { ok: false, cause: messageOf(error) };
  }
}

const open = new Map<string, number>();

/** Undefined when the cache has been taken away since it was opened: the file itself is then still there. */
function fromCache({ cache, offset }: Slot): Image | undefined {
  const { size } = options;
  try {
    const descriptor = open.get(cache) ?? openSync(cache, 'r');
    open.set(cache, descriptor);
    const data = new Uint8Array(3 * size * size);
    const read = readSync(descriptor, data, 0, data.length, offset);
    return read === data.length ? { width: size, height: size, data } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The picture is copied, not transferred: as soon as one buffer of a thread has been transferred away, V8 checks at every access to every
 * typed array whether its buffer is still there, which made the whole thread a sixth slower. A copy takes a hundredth of a picture's time.
 */
async function reply(task: DecodeTask): Promise<void> {
  port.postMessage(await answer(task));
}

// In turn, so that closing waits for the picture in hand.
let last = Promise.resolve();
port.on('message', (message: DecodeTask | 'close') => {
  last = last.then(() => (message === 'close' ? port.close() : reply(message)));
});
