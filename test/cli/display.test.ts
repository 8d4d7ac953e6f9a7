import { spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { duration, type Progress, ProgressDisplay, progressLine, Rate } from '../../src/cli/progress.js';
import { watchInterrupt } from '../../src/cli/signals.js';
import { table } from '../../src/cli/table.js';

const at: Progress = {
  phase: 'train',
  epoch: 2,
  epochs: 10,
  step: 40,
  steps: 120,
  images: 1000,
  totalImages: 9000,
  losses: { ce: 0.69124, gil: 0.00123, lil: 0.98 },
};

test('the progress line says epoch, step, speed, time left and losses', () => {
  expect(progressLine(at, 100)).toBe(
    'epoch 2/10  train 40/120  100.0 images/s  ETA 1m 20s  ce 0.6912  gil 0.0012  lil 0.9800',
  );
  expect(progressLine({ ...at, losses: {} }, Number.NaN)).toBe('epoch 2/10  train 40/120');
});

test('durations', () => {
  expect([0, 59.4, 59.6, 65, 3599.7, 3725].map(duration)).toEqual([
    '0s',
    '59s',
    '1m 00s',
    '1m 05s',
    '1h 00m',
    '1h 02m',
  ]);
});

test('the rate forgets the slow first steps', () => {
  const rate = new Rate(3);
  expect(rate.perSecond).toBeNaN();
  rate.add(0, 0);
  expect(rate.perSecond).toBeNaN();
  rate.add(100, 10);
  expect(rate.perSecond).toBe(0.1);
  rate.add(101, 20);
  rate.add(102, 30);
  expect(rate.perSecond).toBe(10);
});

/** A stream in memory that says whether it is a terminal, and what was written to it. */
function memoryStream(isTTY: boolean, columns = 120) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns }) as unknown as NodeJS.WriteStream;
  return { stream, written: () => String((stream as unknown as PassThrough).read() ?? '') };
}

test('without a terminal there is a plain line every five seconds', () => {
  const { stream, written } = memoryStream(false);
  let seconds = 0;
  const display = new ProgressDisplay({ stream, now: () => seconds });
  for (; seconds <= 12; seconds++)
    display.update({ ...at, step: seconds, images: 10 * seconds, totalImages: 1000 });
  display.log('epoch 2: AUC 0.9');
  display.stop();
  const tail = 'ce 0.6912  gil 0.0012  lil 0.9800';
  expect(written()).toBe(
    `epoch 2/10  train 5/120  10.0 images/s  ETA 1m 35s  ${tail}\n` +
      `epoch 2/10  train 10/120  10.0 images/s  ETA 1m 30s  ${tail}\n` +
      'epoch 2: AUC 0.9\n',
  );
});

test('on a terminal one line is redrawn, at most ten times a second, below the lasting ones', () => {
  const { stream, written } = memoryStream(true);
  let seconds = 0;
  const display = new ProgressDisplay({ stream, now: () => seconds });
  const erase = '\u001b[1G\u001b[2K';
  const tail = 'ce 0.6912  gil 0.0012  lil 0.9800';
  display.update({ ...at, step: 0 });
  expect(written()).toBe(`${'░'.repeat(16)} epoch 2/10  train 0/120  ${tail}`);
  seconds = 0.05;
  display.update({ ...at, step: 30 });
  expect(written()).toBe('');
  seconds = 0.5;
  display.update({ ...at, step: 60, images: 1100 });
  const live = `${'█'.repeat(8)}${'░'.repeat(8)} epoch 2/10  train 60/120  200.0 images/s  ETA 40s  ${tail}`;
  expect(written()).toBe(erase + live);
  display.log('saved');
  expect(written()).toBe(`${erase}saved\n${live}`);
  display.stop();
  display.stop();
  expect(written()).toBe(erase);
});

test('the live line never wraps', () => {
  const { stream, written } = memoryStream(true, 30);
  new ProgressDisplay({ stream, now: () => 0 }).update(at);
  expect(written()).toHaveLength(29);
});

test('tables align text left and numbers right', () => {
  const text = table([
    ['data set', 'AUC', 'EER'],
    ['FF++', '0.9912', '4.1%'],
    ['Celeb-DF-v2', '0.87', '-'],
  ]);
  expect(text.split('\n')).toEqual([
    'data set        AUC   EER',
    '-----------  ------  ----',
    'FF++         0.9912  4.1%',
    'Celeb-DF-v2    0.87     -',
  ]);
  expect(() => table([['a'], ['b', 'c']])).toThrow('table: rows differ in length');
});

afterEach(() => void vi.useRealTimers());

test("the first SIGINT is noted, npm's echo of it ignored, and the next one is left to the system", () => {
  vi.useFakeTimers();
  const before = process.listenerCount('SIGINT');
  const first = vi.fn();
  const interruption = watchInterrupt(first);
  expect(interruption.requested).toBe(false);
  process.emit('SIGINT');
  process.emit('SIGINT');
  expect(interruption.requested).toBe(true);
  expect(first).toHaveBeenCalledTimes(1);
  expect(process.listenerCount('SIGINT')).toBe(before + 1);
  vi.advanceTimersByTime(300);
  expect(process.listenerCount('SIGINT')).toBe(before);
});

test('a batch system that ends a job is heard, and told so', () => {
  const interruption = watchInterrupt();
  expect(interruption.exitCode).toBe(130);
  process.emit('SIGTERM');
  expect(interruption.requested).toBe(true);
  expect(interruption.exitCode).toBe(143);
  interruption.dispose();
  expect(process.listenerCount('SIGTERM')).toBe(0);
});

test('a second SIGINT kills', async () => {
  const signals = fileURLToPath(new URL('../../dist/src/cli/signals.js', import.meta.url));
  const script = `
    import { watchInterrupt } from ${JSON.stringify(signals)};
    watchInterrupt(() => console.log('saving'));
    const armed = setInterval(() => process.listenerCount('SIGINT') === 0 && (clearInterval(armed), console.log('armed')), 5);
    setInterval(() => {}, 1000);
    console.log('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  const seen: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen.push(...text.trim().split('\n'));
    if (/ready|armed/.test(text)) child.kill('SIGINT');
  });
  const signal = await new Promise((resolve) => child.on('exit', (_, by) => resolve(by)));
  expect(signal).toBe('SIGINT');
  expect(seen).toEqual(['ready', 'saving', 'armed']);
});
