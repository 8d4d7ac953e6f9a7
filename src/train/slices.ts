import { memoryOf, misfit } from '../engine/memory.js';
import type { Program, ProgramSource, Runtime, Step } from '../engine/runtime.js';
import { UserError } from '../errors.js';
import { ParameterTable } from '../model/parameters.js';
import { ProgramBuilder, type ProgramConfig } from './programs.js';

export interface SessionSizes {
  /** Batch sizes that will occur in training: --bs and the tail. Empty: evaluation only. */
  readonly batches: readonly number[];
  /** --micro_bs: slices of a batch that are computed one after another. */
  readonly slice?: number;
  /** Images over which an evaluation loss is taken: --test_bs, or the largest split if that is smaller. */
  readonly evaluationBatch: number;
  /** Most samples of an epoch or an evaluation. */
  readonly samples: number;
  /** Bytes of device memory that may be used. */
  readonly budget?: number;
}

/** Larger slices only cost memory: 64 images fill any adapter. */
const LARGEST_EVALUATION_SLICE = 64;

/** Sizes of the slices of a batch. */
function slicesOf(batch: number, slice: number | undefined): number[] {
  if (!slice || slice >= batch) return [batch];
  const whole = Math.floor(batch / slice);
  return [...new Array<number>(whole).fill(slice), ...(batch % slice ? [batch % slice] : [])];
}

/** Graphs of all training batch sizes. The first decides the order of the flat buffers: the forward pass's. */
export function trainingSources(builder: ProgramBuilder, { batches, slice }: SessionSizes): ProgramSource[] {
  const sources = batches.flatMap((batch) => {
    const slices = slicesOf(batch, slice);
    if (slices.length === 1) return [builder.trainWhole(batch)];
    const sizes = [...new Set(slices)];
    return [
      ...sizes.map((size) => builder.trainFeatures(batch, size)),
      builder.trainHeads(batch),
      ...sizes.map((size) => builder.trainSlice(batch, size)),
      builder.trainUpdate(batch),
    ];
  });
  return [...new Map(sources.map((source) => [source.name, source])).values()];
}

/** What a step submits: a whole batch at once, or in slices with the losses on all of it in the middle. */
export function trainingSteps(
  batch: number,
  slice: number | undefined,
  program: (name: string) => Program,
): Step[] {
  const slices = slicesOf(batch, slice);
  const start = (i: number): Step => ({
    copy: { from: 'slice_starts', fromOffset: i, to: 'rows', toOffset: 0, count: 1 },
  });
  if (slices.length === 1) return [start(0), { run: program(`train ${batch}`) }];
  const each = (phase: string): Step[] =>
    slices.flatMap((size, i) => [start(i), { run: program(`${phase} ${size}/${batch}`) }]);
  return [
    { clear: 'gradients' },
    ...each('features'),
    { run: program(`heads ${batch}`) },
    ...each('backward'),
    { run: program('update') },
  ];
}

export function writeSliceStarts(
  runtime: Runtime,
  { batches, slice = 1, evaluationBatch }: SessionSizes,
  evaluation: number,
): void {
  const starts = (largest: number, size: number): Uint32Array =>
    Uint32Array.from({ length: Math.max(1, Math.ceil(largest / size)) }, (_, i) => i * size);
  const tables = {
    slice_starts: starts(Math.max(1, ...batches), slice),
    evaluation_starts: starts(evaluationBatch, evaluation),
  };
  for (const [name, table] of Object.entries(tables)) {
    runtime.allocate(name, 'u32', table.length);
    runtime.write(name, table);
  }
}

/** The largest power-of-two slice of an evaluation that the adapter can bind and hold. */
export function evaluationSlice(
  builder: ProgramBuilder,
  runtime: Runtime,
  { evaluationBatch, budget }: SessionSizes,
): number {
  let slice = 1;
  while (slice * 2 <= Math.min(evaluationBatch, LARGEST_EVALUATION_SLICE)) {
    const report = memoryOf([builder.evaluateFeatures(evaluationBatch, slice * 2)], runtime.capabilities);
    if (misfit(report, runtime.capabilities, budget)) break;
    slice *= 2;
  }
  return slice;
}

/** The largest --micro_bs whose step fits, or 0. */
export function largestSlice(
  config: ProgramConfig,
  runtime: Pick<Runtime, 'capabilities'>,
  sizes: SessionSizes,
): number {
  const batch = Math.max(...sizes.batches);
  for (let slice = 2 ** Math.floor(Math.log2(batch)); slice >= 1; slice /= 2) {
    try {
      const builder = new ProgramBuilder(config, new ParameterTable(), sizes.samples);
      const sources = trainingSources(builder, { ...sizes, batches: [batch], slice });
      if (!misfit(memoryOf(sources, runtime.capabilities), runtime.capabilities, sizes.budget)) return slice;
    } catch {
      return 0; // too small for batch norm's statistics
    }
  }
  return 0;
}

export function refuseMisfit(
  sources: readonly ProgramSource[],
  runtime: Runtime,
  config: ProgramConfig,
  sizes: SessionSizes,
): void {
  const why = misfit(memoryOf(sources, runtime.capabilities), runtime.capabilities, sizes.budget);
  if (!why) return;
  const slice = largestSlice(config, runtime, sizes);
  const way =
    slice > 0
      ? `--micro_bs ${slice} fits (the same step in slices)`
      : 'lower --size or --num_LIBs, or choose a smaller --model';
  throw new UserError(`--bs ${Math.max(...sizes.batches)}: ${why}; ${way}`);
}
