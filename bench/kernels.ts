import type { Case, Op } from '../src/engine/op.js';
import { isValid } from '../src/engine/plan.js';
import type { Runtime } from '../src/engine/runtime.js';
import { Graph, type Tensor } from '../src/engine/tensor.js';
import { median } from '../src/median.js';
import { type LimitProbes, type Limits, medianLimits } from '../src/platform/probe.js';
import { fillInput, typedValues } from '../src/verify/fill.js';

export interface KernelTiming {
  readonly op: string;
  readonly shape: string;
  readonly variant: string;
  /** Median over the repeats. */
  readonly ms: number;
  /** First run: the driver generates the code. */
  readonly firstMs: number;
  readonly gflops: number;
  /** At the least traffic possible: each tensor moved once. */
  readonly gbps: number;
  /** What the adapter reached at most in the same rounds. */
  readonly limits: Limits;
}

export interface KernelFilter {
  readonly op?: string;
  readonly shape?: string;
  /** One variant's name, or `all`; undefined: the default one. */
  readonly variant?: string;
}

const REPEATS = 5;
/** Long against the 1 to 2 ms by which a sleeping wait may overshoot. */
const ROUND_MS = 40;

/** What is timed of an operation: its benchmark cases; where it has none, and is asked for by name, those that it is checked on. */
export const samplesOf = ({ benchmarks = [], cases }: Op, { op }: KernelFilter): readonly Case[] =>
  benchmarks.length > 0 || op === undefined ? benchmarks : cases;

/** The benchmark cases that a filter leaves, with the variants that run here. */
export function selectKernels(
  operations: readonly Op[],
  runtime: Runtime,
  filter: KernelFilter,
): { op: Op; sample: Case; variant: string }[] {
  return operations
    .filter(({ name }) => filter.op === undefined || name === filter.op)
    .flatMap((op) => samplesOf(op, filter).map((sample) => ({ op, sample })))
    .filter(({ sample }) => filter.shape === undefined || sample.name.includes(filter.shape))
    .flatMap(({ op, sample }) =>
      variantNames(op, sample, runtime, filter.variant).map((variant) => ({ op, sample, variant })),
    );
}

function variantNames(op: Op, sample: Case, runtime: Runtime, wanted: string | undefined): string[] {
  const inputs = sample.inputs.map(
    (input) => input && { shape: input.shape, dtype: input.dtype ?? ('f32' as const) },
  );
  const outputs = op.shape(inputs, sample.attrs);
  const call = {
    inputs,
    outputs,
    attrs: sample.attrs,
    accumulate: outputs.map(() => false),
    capabilities: runtime.capabilities,
  };
  const valid = Object.entries(op.variants).flatMap(([name, variant]) =>
    isValid(variant, call) ? [name] : [],
  );
  if (wanted === undefined) return valid.slice(0, 1);
  return wanted === 'all' ? valid : valid.filter((name) => name === wanted);
}

/** Times one kernel: the median of several rounds, each long enough to time, after an untimed first run; `probes` between them. */
export async function timeKernel(
  parent: Runtime,
  probes: LimitProbes,
  { op, sample, variant }: { op: Op; sample: Case; variant: string },
): Promise<KernelTiming> {
  const runtime = parent.sibling();
  const graph = new Graph();
  const inputs = sample.inputs.map(
    (input, i) => input && graph.buffer(`in${i}`, input.shape, input.dtype ?? 'f32'),
  );
  const outputs = graph.call(op, inputs as (Tensor | undefined)[], sample.attrs);
  const choose = (_: string, other: Op): string | undefined => (other === op ? variant : undefined);
  const [program] = await runtime.compile([{ name: op.name, graph, retain: outputs }], { choose });
  sample.inputs.forEach((input, i) => {
    if (input) runtime.write(`in${i}`, typedValues(fillInput(input, `bench ${i}`), input.dtype ?? 'f32'));
  });
  const run = async (times: number): Promise<number> => {
    const steps = new Array(times).fill({ run: program! });
    const start = performance.now();
    runtime.submit(steps);
    await runtime.idle();
    return (performance.now() - start) / times;
  };
  const firstMs = await run(1);
  const times = Math.min(1000, Math.max(1, Math.ceil(ROUND_MS / (await run(1)))));
  const rounds: number[] = [];
  const limits: Limits[] = [];
  for (let i = 0; i < REPEATS; i++) {
    rounds.push(await run(times));
    limits.push(await probes.again());
  }
  runtime.release();
  const ms = median(rounds);
  const { flops, bytes } = op.cost({ inputs, outputs, attrs: sample.attrs });
  return {
    op: op.name,
    shape: sample.name,
    variant,
    ms,
    firstMs,
    gflops: flops / ms / 1e6,
    gbps: bytes / ms / 1e6,
    limits: medianLimits(limits),
  };
}
