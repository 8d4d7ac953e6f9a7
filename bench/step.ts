import type { GpuProgram } from '../src/engine/gpu-program.js';
import { memoryOf } from '../src/engine/memory.js';
import { profile, type Span } from '../src/engine/profiler.js';
import { median } from '../src/median.js';
import type { OpenDevice } from '../src/platform/node/open.js';
import { Rng } from '../src/rng.js';
import type { Session } from '../src/train/session.js';

export interface StepTiming {
  /** The first step, in which the driver generates its code. */
  readonly firstMs: number;
  /** From the start of the process to the end of the first step. */
  readonly startMs: number;
  /** Median of the steps behind it. */
  readonly ms: number;
  /** Median time in JavaScript to encode and submit a step. */
  readonly encodeMs: number;
  readonly dispatches: number;
  /** Median of what a step allocates in JavaScript, encoding and waiting included. */
  readonly heapBytes: number;
  /** Device memory by plan, and as held. */
  readonly plannedBytes: number;
  readonly heldBytes: number;
  /** One step, dispatch by dispatch; undefined on an adapter without a clock. */
  readonly spans: readonly Span[] | undefined;
}

/** Times training steps of a session on images of noise. */
export async function timeStep(
  session: Session,
  { device }: Pick<OpenDevice, 'device'>,
  batch: number,
  repeats: number,
  progress: (done: number) => void,
): Promise<StepTiming> {
  const { runtime } = session;
  const run = () => session.train(noise(batch, session.config.size), SCALARS);
  await session.idle(); // new memory is still being cleared
  const start = performance.now();
  await run();
  await session.idle();
  const startMs = performance.now();
  const firstMs = startMs - start;
  const steps = session.stepsOf(batch);
  const variants = session.variants();
  const [all, encoding, heap]: [number[], number[], number[]] = [[], [], []];
  for (let i = 0; i < repeats; i++) {
    const heapBefore = process.memoryUsage().heapUsed;
    const begin = performance.now();
    runtime.submit(steps);
    encoding.push(performance.now() - begin);
    await runtime.idle();
    all.push(performance.now() - begin);
    heap.push(Math.max(0, process.memoryUsage().heapUsed - heapBefore)); // 0: the collector came between
    progress(i + 1);
  }
  const programs = steps.flatMap((step) => ('run' in step ? [step.run as GpuProgram] : []));
  return {
    firstMs,
    startMs,
    ms: median(all),
    encodeMs: median(encoding),
    dispatches: programs.flatMap(({ commands }) => commands).filter(({ kind }) => kind === 'dispatch').length,
    heapBytes: median(heap),
    plannedBytes: memoryOf(session.sources(), runtime.capabilities, (key) => variants[key]).total,
    heldBytes: runtime.allocated,
    spans: device.features.has('timestamp-query') ? await profileAll(device, programs) : undefined,
  };
}

/** The programs of a step one after another, their spans on one axis. */
async function profileAll(device: GPUDevice, programs: readonly GpuProgram[]): Promise<Span[]> {
  const spans: Span[] = [];
  for (const program of programs) {
    const last = spans.at(-1);
    const offset = last ? last.start + last.ms : 0;
    for (const span of await profile(device, program)) spans.push({ ...span, start: span.start + offset });
  }
  return spans;
}

const SCALARS = { seed: 0, epoch: 1, step: 0, lr: 1e-3, taskLr: 1e-3, adamSteps: 1, slot: 0, scoreRow: 0 };

function noise(batch: number, size: number) {
  const rng = new Rng('bench step');
  return {
    images: Uint8Array.from({ length: batch * size * size * 3 }, () => rng.below(256)),
    labels: Uint32Array.from({ length: batch }, (_, i) => i % 2),
    permutation: rng.permutation(batch),
    lambda: 0.5,
  };
}

/** Time by operation and variant, the longest first. */
export function byOperation(
  spans: readonly Span[],
): { op: string; variant: string; dispatches: number; ms: number }[] {
  const found = new Map<string, { op: string; variant: string; dispatches: number; ms: number }>();
  for (const { op, variant, ms } of spans) {
    const key = `${op} ${variant}`;
    const sum = found.get(key) ?? { op, variant, dispatches: 0, ms: 0 };
    sum.dispatches++;
    sum.ms += ms;
    found.set(key, sum);
  }
  return [...found.values()].sort((a, b) => b.ms - a.ms);
}

/** The format that Perfetto (ui.perfetto.dev) and chrome://tracing open: complete events, in microseconds. */
export function chromeTrace(adapter: string, spans: readonly Span[]): string {
  const events = spans.map(({ op, variant, shader, grid, start, ms }) => ({
    name: op,
    cat: 'dispatch',
    ph: 'X',
    ts: 1e3 * start,
    dur: 1e3 * ms,
    pid: 1,
    tid: 1,
    args: { variant, shader, grid: grid.join(' x ') },
  }));
  const process = { name: 'process_name', ph: 'M', pid: 1, args: { name: adapter } };
  const thread = { name: 'thread_name', ph: 'M', pid: 1, tid: 1, args: { name: 'GPU queue' } };
  return `${JSON.stringify({ displayTimeUnit: 'ms', traceEvents: [process, thread, ...events] })}\n`;
}
