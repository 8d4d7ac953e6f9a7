/** Live progress of a training run: one line that redraws itself on a terminal, a line every few seconds elsewhere. */
import { clearLine, cursorTo } from 'node:readline';

/** Where a run stands. */
export interface Progress {
  /** What goes on, for instance `train` or `val`. */
  readonly phase: string;
  /** Epoch from 1, and how many there are. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps done in this phase, and how many there are. */
  readonly step: number;
  readonly steps: number;
  /** Images done in the whole run, evaluation included, and how many there will be. */
  readonly images: number;
  readonly totalImages: number;
  /** Losses of the last step that was read back, by name. */
  readonly losses: Readonly<Record<string, number>>;
}

/** 3725 s -> `1h 02m`; 65 s -> `1m 05s`. */
export function duration(seconds: number): string {
  const s = Math.round(seconds);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  if (s >= 3600) return `${Math.floor(s / 3600)}h ${two((s % 3600) / 60)}m`;
  return s >= 60 ? `${Math.floor(s / 60)}m ${two(s % 60)}s` : `${s}s`;
}

/** Images per second over the last `span` samples: early ones hold compilation and tuning. */
export class Rate {
  private readonly samples: { seconds: number; images: number }[] = [];

  constructor(private readonly span = 20) {}

  add(seconds: number, images: number): void {
    this.samples.push({ seconds, images });
    if (this.samples.length > this.span) this.samples.shift();
  }

  /** NaN until two samples differ in time. */
  get perSecond(): number {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (!first || !last || last.seconds <= first.seconds) return Number.NaN;
    return (last.images - first.images) / (last.seconds - first.seconds);
  }
}

/** `  12.3 videos/s  ETA 1m 20s` behind what is done; nothing until the rate is known. */
export function pace(left: number, perSecond: number, unit: string, digits = 1): string {
  const eta = left / perSecond;
  return Number.isFinite(eta) ? `  ${perSecond.toFixed(digits)} ${unit}/s  ETA ${duration(eta)}` : '';
}

/** `epoch 2/10  train 40/120  812.4 images/s  ETA 1m 20s  ce 0.6931  gil 0.0012  lil 0.9811` */
export function progressLine(at: Progress, imagesPerSecond: number): string {
  const speed = pace(at.totalImages - at.images, imagesPerSecond, 'images');
  const losses = Object.entries(at.losses).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  return [`epoch ${at.epoch}/${at.epochs}`, `${at.phase} ${at.step}/${at.steps}${speed}`, ...losses].join(
    '  ',
  );
}

/** `FF++: 40/120 images  812 images/s  ETA 1m 20s` */
export function imagesLine(what: string, done: number, total: number, { perSecond }: Rate): string {
  return `${what}: ${done}/${total} images${pace(total - done, perSecond, 'images', 0)}`;
}

/** A bar of `width` characters, filled up to `share` (0 to 1). */
function bar(share: number, width = 16): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * width);
  return '█'.repeat(full) + '░'.repeat(width - full);
}

/** Between two redraws of the live line, and between two lines where there is no terminal. */
const liveSeconds = 0.1;
const plainSeconds = 5;

export interface ProgressOptions {
  /** stderr by default, so that stdout holds results only. */
  readonly stream?: NodeJS.WriteStream;
  /** Clock in seconds. */
  readonly now?: () => number;
}

/** Shows `Progress`. It draws only when told of news, so it holds no timer; `stop` removes the live line. */
export class ProgressDisplay {
  private readonly stream: NodeJS.WriteStream;
  private readonly now: () => number;
  private readonly rate = new Rate();
  private readonly interval: number;
  private next: number;
  private live = '';

  constructor({ stream = process.stderr, now = () => performance.now() / 1000 }: ProgressOptions = {}) {
    this.stream = stream;
    this.now = now;
    this.interval = stream.isTTY ? liveSeconds : plainSeconds;
    this.next = stream.isTTY ? now() : now() + plainSeconds;
  }

  update(at: Progress): void {
    this.rate.add(this.now(), at.images);
    this.show(progressLine(at, this.rate.perSecond), at.step / at.steps);
  }

  /** A line of news, unless the last one is too recent. @param share how much is done, 0 to 1 */
  show(line: string, share: number): void {
    const seconds = this.now();
    if (seconds < this.next) return;
    this.next = seconds + this.interval;
    if (this.stream.isTTY) this.draw(`${bar(share)} ${line}`);
    else this.stream.write(`${line}\n`);
  }

  /** What goes on before the first step: shown live on a terminal only. */
  stage(name: string, done: number, total: number): void {
    if (this.stream.isTTY) this.draw(done < total ? `${bar(done / total)} ${name} ${done}/${total}` : '');
  }

  /** A lasting line, above the live one. */
  log(line: string): void {
    const { live } = this;
    this.draw('');
    this.stream.write(`${line}\n`);
    this.draw(live);
  }

  /** Removes the live line. */
  stop(): void {
    this.draw('');
  }

  private draw(line: string): void {
    if (this.live !== '') {
      cursorTo(this.stream, 0);
      clearLine(this.stream, 0);
    }
    // One column is left free: a full line would wrap and could not be cleared.
    this.live = line.slice(0, (this.stream.columns || 80) - 1);
    if (this.live !== '') this.stream.write(this.live);
  }
}
