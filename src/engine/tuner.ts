import { ShaderError } from '../errors.js';
import { fnv1a, Rng } from '../rng.js';
import { type Call, type Capabilities, type Op, toleranceOf } from './op.js';
import { type Chooser, callKey, isValid, plan } from './plan.js';
import { relativeError } from './relative-error.js';
import type { Program, ProgramSource, Runtime } from './runtime.js';
import { shaderText } from './shader.js';
import { Graph, type NumberArray, sizeOf, type Tensor } from './tensor.js';

/** `off`: the first valid variant of each call; `cached`: what an earlier tuning found best; `full`: measures what no earlier one has. */
export type TuneMode = 'off' | 'cached' | 'full';

/** How long one way to compute a call took. */
export interface Timing {
  readonly variant: string;
  /** Best of several rounds. */
  readonly ms: number;
  /** Largest difference from the check's values, of the largest of them; Number.MAX_VALUE where it has none, or did not run. */
  readonly error: number;
}

/** All timings by call and checksum of its candidates: where a text, a grid or a parameter has changed, all are measured again. */
export type Timings = Record<string, readonly Timing[]>;

/** Where timings are kept between runs, for one adapter and driver. */
export interface TunerCache {
  read(): Promise<Timings>;
  write(timings: Timings): Promise<void>;
}

export interface TuneOptions {
  readonly mode: TuneMode;
  readonly cache: TunerCache;
  readonly progress?: (done: number, total: number) => void;
}

/** A call that can be computed in several ways. */
interface Choice {
  readonly key: string;
  /** key and checksum. */
  readonly id: string;
  readonly op: Op;
  readonly call: Call;
  readonly candidates: readonly string[];
}

/** The obvious kernels are slow: up to this many operations they are tried, and are what the others are compared with. */
const NAIVE_FLOPS = 5e7;
/** A call smaller than this costs its dispatch, whatever computes it. */
const LEAST_FLOPS = 1e6;
/** A round is long against the 1 to 2 ms by which a sleeping wait may overshoot. */
const ROUND_MS = 20;
const ROUNDS = 3;
/** Elements of the first result that are compared; all variants pass the checks of `clew verify` before. */
const COMPARED = 65_536;

/**
 * Chooses a variant for each call of the programs by measuring. A candidate whose values differ from the check's is never chosen. What has
 * been measured is kept after each call, so that a tuning that is stopped goes on where it was.
 */
export async function tune(
  runtime: Runtime,
  sources: readonly ProgramSource[],
  { mode, cache, progress }: TuneOptions,
): Promise<Chooser> {
  if (mode === 'off') return () => undefined;
  const known: Timings = { ...(await cache.read()) };
  const choices = choicesOf(sources, runtime.capabilities);
  const missing = mode === 'full' ? choices.filter(({ id }) => !known[id]) : [];
  if (missing.length > 0) await cache.write(known); // a cache that cannot be written is known before minutes of measuring
  for (const [i, choice] of missing.entries()) {
    known[choice.id] = await measure(runtime, choice);
    await cache.write({ ...(await cache.read()), ...known }); // with what another process has measured meanwhile
    progress?.(i + 1, missing.length);
  }
  const best = new Map(choices.map(({ key, id, op }) => [key, fastest(op, known[id] ?? [])]));
  return (key) => best.get(key);
}

/** The calls of the programs that leave a choice, each once. */
function choicesOf(sources: readonly ProgramSource[], capabilities: Capabilities): Choice[] {
  const found = new Map<string, Choice>();
  for (const { graph, retain = [] } of sources)
    for (const { node } of plan(graph, capabilities, { retain }).calls) {
      const key = callKey(node.op, node);
      if (found.has(key)) continue;
      const call: Call = { ...node, accumulate: node.outputs.map(() => false), capabilities };
      const candidates = candidatesOf(node.op, call);
      if (candidates.length < 2) continue;
      found.set(key, {
        key,
        id: `${key} #${checksum(node.op, call, candidates)}`,
        op: node.op,
        call,
        candidates,
      });
    }
  return [...found.values()];
}

/** The valid variants, the check first: the naive one where it takes no time to speak of or is the default, else the default. */
function candidatesOf(op: Op, call: Call): string[] {
  const { flops, bytes } = op.cost(call);
  if (flops + bytes < LEAST_FLOPS) return [];
  const valid = Object.keys(op.variants).filter((name) => isValid(op.variants[name]!, call));
  const fast = valid.filter((name) => name !== 'naive');
  const obvious = valid[0] === 'naive' || (valid.includes('naive') && flops <= NAIVE_FLOPS);
  return obvious ? ['naive', ...fast] : fast;
}

function checksum(op: Op, call: Call, candidates: readonly string[]): string {
  const texts = candidates.flatMap((name) =>
    op.variants[name]!.passes(call).map(({ shader, constants, grid, params }) => [
      name,
      shaderText(shader, constants),
      grid,
      params,
    ]),
  );
  return fnv1a(JSON.stringify(texts)).toString(16);
}

function fastest(op: Op, timings: readonly Timing[]): string | undefined {
  const right = timings.filter(({ variant, error }) => error <= 10 * toleranceOf(op, variant));
  return right.length === 0 ? undefined : right.reduce((a, b) => (b.ms < a.ms ? b : a)).variant;
}

async function measure(parent: Runtime, { op, call, candidates }: Choice): Promise<Timing[]> {
  const runtime = parent.sibling();
  const timings: Timing[] = [];
  let check: NumberArray | undefined;
  try {
    for (const variant of candidates) {
      const best = Math.min(...timings.map(({ ms }) => ms));
      const measured = await measureOne(runtime, op, call, variant, best).catch((error: unknown) => {
        if (!(error instanceof ShaderError)) throw error;
        return undefined; // it does not compile on this driver: the others do
      });
      if (!measured) timings.push({ variant, ms: Number.MAX_VALUE, error: Number.MAX_VALUE });
      else {
        check ??= measured.values;
        const error = Math.min(relativeError(measured.values, check), Number.MAX_VALUE); // JSON knows no infinity
        timings.push({ variant, ms: measured.ms, error });
      }
    }
  } finally {
    runtime.release();
  }
  return timings;
}

async function measureOne(
  runtime: Runtime,
  op: Op,
  call: Call,
  variant: string,
  best: number,
): Promise<{ ms: number; values: NumberArray }> {
  const { program, output } = await compile(runtime, op, call, variant);
  const count = Math.min(COMPARED, sizeOf(output.shape));
  runtime.write('result 0', new Float32Array(count)); // what the candidate before wrote is not this one's work
  const firstMs = await time(runtime, program, 1); // the driver generates its code now
  const values = await runtime.read('result 0', 0, count);
  return { values, ms: await timeRounds(runtime, program, best, firstMs) };
}

/** A program of the one call, its inputs filled with numbers around 1/2: positive, since some are variances; with 0 where they count. */
async function compile(
  runtime: Runtime,
  op: Op,
  { inputs, outputs, attrs }: Call,
  variant: string,
): Promise<{ program: Program; output: Tensor }> {
  const graph = new Graph();
  const made = inputs.map((input, i) => input && graph.buffer(`operand ${i}`, input.shape, input.dtype));
  const into = outputs.map(({ shape }, k) => ({
    tensor: graph.buffer(`result ${k}`, shape),
    accumulate: false,
  }));
  graph.call(op, made, attrs, into);
  const choose: Chooser = (_, other) => (other === op ? variant : undefined);
  const [program] = await runtime.compile([{ name: `tune ${op.name}`, graph }], { choose });
  made.forEach((tensor, i) => {
    if (tensor?.dtype === 'f32') runtime.write(`operand ${i}`, operand(sizeOf(tensor.shape)));
  });
  return { program: program!, output: into[0]!.tensor };
}

const operand = (size: number): Float32Array => {
  const rng = new Rng('tuner');
  const pattern = Float32Array.from({ length: Math.min(size, 10_007) }, () => 0.1 + rng.uniform());
  const values = new Float32Array(size);
  for (let i = 0; i < size; i += pattern.length)
    values.set(pattern.subarray(0, Math.min(pattern.length, size - i)), i);
  return values;
};

async function time(runtime: Runtime, program: Program, times: number): Promise<number> {
  const start = performance.now();
  runtime.submit(new Array(times).fill({ run: program }));
  await runtime.idle();
  return (performance.now() - start) / times;
}

/** Best of some rounds; a candidate that is far behind the best gets no more than one. */
async function timeRounds(
  runtime: Runtime,
  program: Program,
  best: number,
  firstMs: number,
): Promise<number> {
  const once = firstMs > 10 * best ? firstMs : await time(runtime, program, 1);
  let least = once;
  const times = Math.max(1, Math.ceil(ROUND_MS / once));
  for (let i = 0; i < ROUNDS && least < 2 * best + 2; i++)
    least = Math.min(least, await time(runtime, program, times));
  return least;
}
