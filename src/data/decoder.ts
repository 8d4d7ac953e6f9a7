/** A pool of threads that turn image files into pictures of one size. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { messageOf, UserError } from '../errors.js';
import { workerUrl } from '../platform/node/worker.js';
import type { Step } from './augment/steps.js';
import type { LoadOptions } from './decode.js';
import type { ImageCache, Slot } from './image-cache.js';

export interface DecodeTask {
  readonly file: string;
  /** Key of the random numbers that the augmentation draws; without one the picture stays as it is. */
  readonly key: readonly (number | string)[];
  /** Where a cache holds the picture as it is before augmentation. */
  readonly slot?: Slot | undefined;
}

/** [size, size, 3] bytes, or why there are none. */
export type Decoded =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly cause: string };

/** What every thread is told at its start. */
export interface ThreadOptions extends LoadOptions {
  readonly augmentation: readonly Step[];
}

export interface DecoderOptions extends LoadOptions {
  /** What may happen to pictures that are asked for with a key; nothing unless given. */
  readonly augmentation?: readonly Step[];
  /** --cache: where pictures are looked for before their files are read. */
  readonly caches?: readonly ImageCache[];
  /** --num_workers; more threads than processors are quietly not started. */
  readonly workers: number;
  /** Told once of each file that cannot be read. */
  readonly onBad?: (file: string, cause: string) => void;
}

interface Job {
  readonly task: DecodeTask;
  readonly resolve: (result: Decoded) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Tasks are taken in the order they come, one a thread. Threads keep the process alive only while they work, and hold no more
 * than one picture; how many are asked for ahead of use is up to the caller (batches.ts).
 */
export class Decoder {
  /** Files that could not be read so far, and why. They are not tried again. */
  readonly bad = new Map<string, string>();
  private readonly queue: Job[] = [];
  private readonly idle: Worker[] = [];
  private readonly running = new Map<Worker, Job>();
  private readonly exits: Promise<unknown>[] = [];
  private readonly threads: Worker[];
  private failure: Error | undefined;
  private closing = false;

  constructor(private readonly options: DecoderOptions) {
    const count = Math.max(1, Math.min(options.workers, availableParallelism()));
    this.threads = Array.from({ length: count }, () => this.start());
  }

  /** Bytes per picture. */
  get imageBytes(): number {
    return this.options.size ** 2 * 3;
  }

  /**
   * Never rejects because of the file; only when a thread died or the decoder is closed.
   * @param key of the random numbers with which the picture is augmented; without one it is not
   */
  decode(file: string, ...key: DecodeTask['key']): Promise<Decoded> {
    const cause = this.bad.get(file);
    if (cause !== undefined) return Promise.resolve({ ok: false, cause });
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.queue.push({ task: { file, key, slot: this.slotOf(file) }, resolve, reject });
      const thread = this.idle.pop();
      if (thread) this.next(thread);
    });
  }

  private slotOf(file: string): Slot | undefined {
    for (const cache of this.options.caches ?? []) {
      const slot = cache.slotOf(file);
      if (slot) return slot;
    }
    return undefined;
  }

  /** Drops what is queued, lets the threads finish what they hold, and waits for their end. */
  async close(): Promise<void> {
    this.fail(new Error('the decoder is closed'));
    this.closing = true;
    for (const thread of this.threads) {
      thread.ref();
      thread.postMessage('close');
    }
    await Promise.all(this.exits);
  }

  private start(): Worker {
    const { size, channelOrder, augmentation = [] } = this.options;
    const thread = new Worker(workerUrl(import.meta.url, './decode-worker.js'), {
      workerData: { size, channelOrder, augmentation } satisfies ThreadOptions,
      execArgv: [], // Node flags are meant for the main thread; some (--input-type) refuse a script.
    });
    this.exits.push(new Promise((resolve) => thread.once('exit', resolve)));
    thread.on('message', (result: Decoded) => this.finish(thread, result));
    thread.on('error', (error) => this.died(thread, error));
    this.park(thread);
    return thread;
  }

  private park(thread: Worker): void {
    this.idle.push(thread);
    if (!this.closing) thread.unref();
  }

  private next(thread: Worker): void {
    const job = this.queue.shift();
    if (!job) {
      this.park(thread);
      return;
    }
    this.running.set(thread, job);
    thread.ref();
    thread.postMessage(job.task);
  }

  private finish(thread: Worker, result: Decoded): void {
    const { task, resolve } = this.running.get(thread)!;
    this.running.delete(thread);
    this.next(thread);
    if (!result.ok && !this.bad.has(task.file)) {
      this.bad.set(task.file, result.cause);
      this.options.onBad?.(task.file, result.cause);
    }
    resolve(result);
  }

  /** Files never end a thread, memory may. */
  private died(thread: Worker, error: unknown): void {
    const at = this.running.get(thread)?.task.file ?? 'its start';
    this.fail(new UserError(`an image decoding thread ended at ${at}: ${messageOf(error)}`));
    this.running.get(thread)?.reject(this.failure!);
    this.running.delete(thread);
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const job of this.queue.splice(0)) job.reject(this.failure);
  }
}
