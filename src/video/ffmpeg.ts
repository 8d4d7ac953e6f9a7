/** Frames of videos, by ffmpeg: from PATH, else the one that an optional npm package brings. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Image } from '../data/image.js';
import { UserError } from '../errors.js';
import { optionalPackage } from '../platform/node/optional.js';
import { readPpm } from './ppm.js';

const PACKAGE = '@ffmpeg-installer/ffmpeg';

/** A frame is at most this large, about 8K; damaged headers ask for more. */
const MAX_PIXELS = 36e6;
/** No single piece of memory of ffmpeg's is larger: what a frame of MAX_PIXELS takes, and some. */
const MAX_ALLOCATION = 256 * 2 ** 20;
/** A video that gives nothing for so long will give nothing more. */
const SILENCE_MS = 60_000;

/** The program to call. @throws UserError that says how to get one */
export function findFfmpeg(): string {
  if (runs('ffmpeg')) return 'ffmpeg';
  const found = optionalPackage(PACKAGE);
  const path = found && (createRequire(join(found, 'index.js'))('./index.js') as { path: string }).path;
  if (path && runs(path)) return path;
  throw new UserError(
    `no ffmpeg: videos are read with it. Install it (apt-get install ffmpeg; brew install ffmpeg) or npm install ${PACKAGE}`,
  );
}

function runs(program: string): boolean {
  try {
    execFileSync(program, ['-version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Which frames of a video: `count` of them evenly over its length, all if absent; of every `every`-th. */
export interface Sampling {
  readonly count?: number | undefined;
  readonly every: number;
}

/**
 * Indices of the frames to take of `total`: the middles of `count` equal parts of the video, so neither the black first frame nor the
 * last one weighs more than others; all where the video has no more than that.
 */
export function frameIndices(total: number, { count, every }: Sampling): number[] {
  const available = Math.ceil(total / every);
  const taken = Math.min(available, count ?? available);
  return Array.from({ length: taken }, (_, i) => every * Math.floor(((i + 0.5) * available) / taken));
}

export interface Frame {
  /** From 0, in the whole video. */
  readonly index: number;
  /** R,G,B. Its bytes are ffmpeg's: valid until the next frame is asked for. */
  readonly image: Image;
}

/** One video file, read by processes that end with `signal`. */
export class VideoFile {
  /** What ffmpeg complained of so far, a line each. */
  readonly complaints = new Set<string>();
  /** As countFrames() found. */
  packets = 0;

  constructor(
    private readonly ffmpeg: string,
    readonly path: string,
    private readonly signal?: AbortSignal,
  ) {}

  /** Packets of the first video stream, read without decoding. @throws Error with ffmpeg's cause */
  async countFrames(): Promise<number> {
    const words = ['-map', '0:v:0', '-c', 'copy', '-f', 'null', '-', '-progress', 'pipe:1'];
    const process = this.start(words);
    let text = '';
    for await (const chunk of process.output) text += chunk;
    await process.end();
    this.packets = Number([...text.matchAll(/^frame=\s*(\d+)/gm)].at(-1)?.[1] ?? 0);
    if (this.packets === 0) throw new Error(this.because('no frames in it'));
    // Some were about copying (odd time stamps), and what is broken is said again when the frames are decoded.
    this.complaints.clear();
    return this.packets;
  }

  /** The frames of these indices (ascending), as far as they can be decoded. @throws Error with ffmpeg's cause */
  async *frames(indices: readonly number[]): AsyncGenerator<Frame> {
    // Consecutive time stamps at a fixed rate: whatever the video's own are, ffmpeg neither repeats nor drops a frame.
    const asked = indices.length > LONGEST_SELECTION ? upTo(indices.at(-1)!) : indices;
    const wanted = new Set(indices);
    const filter = `select='${selection(asked)}',setpts=N/25/TB`;
    const words = ['-map', '0:v:0', '-vf', filter, '-r', '25', '-f', 'image2pipe', '-c:v', 'ppm', 'pipe:1'];
    const process = this.start(words);
    let [i, given] = [0, 0];
    try {
      for await (const image of readPpm(process.output, MAX_PIXELS)) {
        const index = asked[i++];
        if (index === undefined || !wanted.has(index)) continue;
        given++;
        yield { index, image };
      }
      await process.end();
    } finally {
      process.stop();
    }
    if (given === 0) throw new Error(this.because('no frame could be decoded'));
    if (given < indices.length) this.complaints.add(`${given} of ${indices.length} frames could be decoded`);
  }

  /** The first complaint, which is usually the cause of the others. */
  private because(otherwise: string): string {
    return [...this.complaints][0] ?? otherwise;
  }

  private start(words: readonly string[]): Running {
    const limits = ['-nostdin', '-v', 'error', '-max_alloc', `${MAX_ALLOCATION}`, '-threads', '1'];
    // Without `file:`, ffmpeg takes a name such as `a:b.mp4` for a protocol.
    const child = spawn(this.ffmpeg, [...limits, '-i', `file:${this.path}`, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(this.signal ? { signal: this.signal, killSignal: 'SIGKILL' } : {}),
    });
    return new Running(child, (line) => this.complain(line));
  }

  private complain(line: string): void {
    // "[h264 @ 0x55d0c8] error while decoding": addresses differ from run to run.
    const said = line
      .replace(/^\[[^\]]*\]\s*/, '')
      .replaceAll(`file:${this.path}: `, '')
      .trim();
    if (said !== '' && this.complaints.size < 20) this.complaints.add(said);
  }
}

/** More irregular indices than these would fill a command line; then all frames come, and are picked here. */
const LONGEST_SELECTION = 2000;

const upTo = (last: number): number[] => Array.from({ length: last + 1 }, (_, index) => index);

/** An expression that is not 0 at the frames of these indices (ascending): one comparison each, or three when they are regular. */
function selection(indices: readonly number[]): string {
  const step = indices.length > 1 ? indices[1]! - indices[0]! : 1;
  const isRegular = indices.every((index, i) => index === indices[0]! + i * step);
  if (isRegular) return `gte(n,${indices[0]})*not(mod(n-${indices[0]},${step}))*lte(n,${indices.at(-1)})`;
  return anyOf(indices);
}

/** A balanced tree of sums: ffmpeg refuses expressions that are nested more than 100 deep, as a chain of so many sums is. */
function anyOf(indices: readonly number[]): string {
  if (indices.length === 1) return `eq(n,${indices[0]})`;
  const half = indices.length >> 1;
  return `(${anyOf(indices.slice(0, half))}+${anyOf(indices.slice(half))})`;
}

/** A process of ffmpeg's: its output, and its end. */
class Running {
  readonly output: Readable;
  private readonly ended: Promise<void>;
  private silence: NodeJS.Timeout;

  constructor(
    private readonly child: ChildProcess,
    complain: (line: string) => void,
  ) {
    this.output = child.stdout!;
    this.silence = this.watch();
    this.output.on('data', () => this.silence.refresh());
    this.output.pause();
    let rest = '';
    child.stderr!.on('data', (chunk) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop()!.slice(-1000);
      lines.forEach(complain);
    });
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () => {
        clearTimeout(this.silence);
        complain(rest);
        resolve();
      });
    });
    this.ended.catch(() => {});
  }

  /** Resolves when the process has ended, however; rejects when it could not be started or was aborted. */
  end(): Promise<void> {
    return this.ended;
  }

  stop(): void {
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
  }

  private watch(): NodeJS.Timeout {
    return setTimeout(() => this.stop(), SILENCE_MS).unref();
  }
}
