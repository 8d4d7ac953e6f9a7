import { type Chooser, callKey } from '../engine/plan.js';
import type { Program, ProgramSource, Runtime, Step } from '../engine/runtime.js';
import { alignTo } from '../engine/tensor.js';
import { RECORD_COLUMNS } from '../kernels/record-losses.js';
import { ParameterTable } from '../model/parameters.js';
import { CLOCK, HYPER, ProgramBuilder, type ProgramConfig, RING_ROWS } from './programs.js';
import {
  evaluationSlice,
  refuseMisfit,
  type SessionSizes,
  trainingSources,
  trainingSteps,
  writeSliceStarts,
} from './slices.js';
import { momentBuffers } from './updates.js';

/** A mixed batch of training images, as src/data hands it over. */
export interface TrainingBatch {
  /** [n,S,S,3], 8 bits. */
  readonly images: Uint8Array;
  readonly labels: Uint32Array;
  readonly permutation: Uint32Array;
  readonly lambda: number;
}

/** Scalars of one optimizer step. */
export interface StepScalars {
  readonly seed: number;
  readonly epoch: number;
  readonly step: number;
  /** Learning rates of the network and of the w_k. */
  readonly lr: number;
  readonly taskLr: number;
  /** Steps that the optimizer has taken since its state was cleared, this one included: Adam's bias correction. */
  readonly adamSteps: number;
  /** Row of the loss ring, and first row of the scores, that the step writes. */
  readonly slot: number;
  readonly scoreRow: number;
}

export interface StepLosses {
  readonly total: number;
  readonly ce: number;
  readonly gil: number;
  readonly lil: number;
  readonly taskWeights: readonly number[];
}

export interface SessionOptions {
  /** Decides how the calls of the run's programs are computed: a tuner, or what a checkpoint says. */
  readonly choose?: (sources: readonly ProgramSource[]) => Promise<Chooser>;
  readonly progress?: (done: number, total: number) => void;
}

/** The compiled network of a run: training steps and evaluations on a runtime, fed with 8-bit images. */
export class Session {
  private readonly training = new Map<number, Step[]>();
  private readonly evaluationHeads = new Map<number, Program>();
  private evaluationSlice!: { readonly size: number; readonly program: Program };
  private programs: readonly Program[] = [];
  private compiled: readonly ProgramSource[] = [];
  private pending: Promise<void> = Promise.resolve();
  private choose: Chooser = () => undefined;

  private constructor(
    readonly runtime: Runtime,
    readonly config: ProgramConfig,
    readonly sizes: SessionSizes,
    readonly table: ParameterTable,
    private readonly builder: ProgramBuilder,
  ) {}

  /** Compiles everything that the run will need; nothing is created on the GPU afterwards. */
  static async create(
    runtime: Runtime,
    config: ProgramConfig,
    sizes: SessionSizes,
    options: SessionOptions = {},
  ): Promise<Session> {
    const table = new ParameterTable();
    const builder = new ProgramBuilder(config, table, sizes.samples);
    const session = new Session(runtime, config, sizes, table, builder);
    await session.compile(options);
    return session;
  }

  private async compile({ choose, progress }: SessionOptions): Promise<void> {
    const { runtime, sizes, builder } = this;
    const sources = trainingSources(builder, sizes);
    refuseMisfit(sources, runtime, this.config, sizes);
    const slice = evaluationSlice(builder, runtime, sizes);
    const evaluation = [
      builder.evaluateFeatures(alignTo(sizes.evaluationBatch, slice), slice),
      builder.evaluateHeads(sizes.evaluationBatch),
    ];
    this.compiled = [...sources, ...evaluation];
    if (choose) this.choose = await choose(this.compiled);
    const programs = await runtime.compile(this.compiled, {
      choose: this.choose,
      ...(progress ? { progress } : {}),
    });
    this.programs = programs;
    this.evaluationSlice = { size: slice, program: programs.at(-2)! };
    this.evaluationHeads.set(sizes.evaluationBatch, programs.at(-1)!);
    const byName = new Map(sources.map(({ name }, i) => [name, programs[i]!]));
    for (const batch of sizes.batches)
      this.training.set(
        batch,
        trainingSteps(batch, sizes.slice, (name) => byName.get(name)!),
      );
    writeSliceStarts(runtime, sizes, slice);
  }

  /** Encodes and submits one optimizer step. Resolves when the step before it is done, so that at most two are under way. */
  async train(batch: TrainingBatch, scalars: StepScalars): Promise<void> {
    const { runtime } = this;
    const steps = this.training.get(batch.labels.length);
    if (!steps) throw new Error(`no program for a batch of ${batch.labels.length}`);
    runtime.write('images', batch.images);
    runtime.write('labels', batch.labels);
    runtime.write('permutation', batch.permutation);
    this.writeScalars(scalars, batch.lambda);
    runtime.submit(steps);
    const before = this.pending;
    this.pending = runtime.idle();
    await before;
  }

  /** Evaluates up to `evaluationBatch` images: features slice by slice, then heads and losses on all of them. */
  async evaluate(images: Uint8Array, labels: Uint32Array, slot: number, scoreRow: number): Promise<void> {
    const { runtime } = this;
    const { size: slice, program } = this.evaluationSlice;
    const heads = await this.headsOf(labels.length);
    const bytes = images.length / labels.length;
    this.writeScalars({ seed: 0, epoch: 0, step: 0, lr: 0, taskLr: 0, adamSteps: 1, slot, scoreRow }, 1);
    for (let i = 0; i * slice < labels.length; i++) {
      runtime.write('images', images.subarray(i * slice * bytes, (i + 1) * slice * bytes));
      const start = { from: 'evaluation_starts', fromOffset: i, to: 'rows', toOffset: 0, count: 1 };
      runtime.submit([{ copy: start }, { run: program }]);
      await runtime.idle();
    }
    runtime.write('labels', labels);
    runtime.submit([{ run: heads }]);
    await runtime.idle();
  }

  /** The last part of an evaluation is as large as it is; its small program is compiled when it is first met. */
  private async headsOf(batch: number): Promise<Program> {
    const known = this.evaluationHeads.get(batch);
    if (known) return known;
    const [program] = await this.runtime.compile([this.builder.evaluateHeads(batch)], {
      choose: this.choose,
    });
    this.evaluationHeads.set(batch, program!);
    return program!;
  }

  private writeScalars(
    { seed, epoch, step, lr, taskLr, adamSteps, slot, scoreRow }: StepScalars,
    lambda: number,
  ): void {
    const { runtime } = this;
    const correction1 = 1 - 0.9 ** adamSteps;
    const correction2 = Math.sqrt(1 - 0.999 ** adamSteps);
    const hyper = new Float32Array(HYPER.lambda + 1);
    hyper.set([lr, correction1, correction2], HYPER.network);
    hyper.set([taskLr, correction1, correction2], HYPER.tasks);
    hyper[HYPER.lambda] = lambda;
    const clock = new Uint32Array(CLOCK.scoreRow + 1);
    clock.set([seed, epoch, step], CLOCK.clock);
    clock[CLOCK.slot] = slot;
    clock[CLOCK.scoreRow] = scoreRow;
    runtime.write('hyper', hyper);
    runtime.write('clock', clock);
  }

  /** What one training step submits. */
  stepsOf(batch: number): readonly Step[] {
    return this.training.get(batch) ?? [];
  }

  /** All that was compiled, for a report of the memory it takes. */
  sources(): readonly ProgramSource[] {
    return this.compiled;
  }

  /** Which variant computes each call where there is a choice: part of a checkpoint, so that a resumed run computes alike. */
  variants(): Record<string, string> {
    const chosen: Record<string, string> = {};
    for (const { node, variant } of this.programs.flatMap(({ plan }) => plan.calls))
      if (Object.keys(node.op.variants).length > 1) chosen[callKey(node.op, node)] = variant;
    return chosen;
  }

  /** Clears the optimizer's moments: before every epoch they are made anew (METHOD 4). */
  clearMoments(): void {
    for (const home of ['trained', 'tasks'] as const)
      for (const buffer of momentBuffers(home))
        if (this.hasBuffer(buffer)) this.runtime.submit([{ clear: buffer }]);
  }

  /** Moment buffers that this optimizer and balance use. */
  moments(): { buffer: string; elements: number }[] {
    return (['trained', 'tasks'] as const).flatMap((home) =>
      momentBuffers(home)
        .filter((buffer) => this.hasBuffer(buffer))
        .map((buffer) => ({ buffer, elements: this.table.length(home) })),
    );
  }

  private hasBuffer(name: string): boolean {
    const [first] = momentBuffers('trained');
    if (this.sizes.batches.length === 0) return false;
    if (name.startsWith('tasks') && this.table.length('tasks') === 0) return false;
    return this.config.optimizer.kind === 'adam' || name === first || name === momentBuffers('tasks')[0];
  }

  /** Losses of the ring's rows [from, from + count). */
  async losses(from: number, count: number): Promise<StepLosses[]> {
    if (count === 0) return [];
    const values = await this.runtime.read('ring', from * RECORD_COLUMNS, count * RECORD_COLUMNS);
    return Array.from({ length: count }, (_, i) => {
      const [total, ce, gil, lil, ...weights] = values.subarray(i * RECORD_COLUMNS, (i + 1) * RECORD_COLUMNS);
      return {
        total: total!,
        ce: ce!,
        gil: gil!,
        lil: lil!,
        taskWeights: weights.slice(0, this.table.count('tasks')),
      };
    });
  }

  /** Logits z [rows,2] that steps have left in the score buffer. */
  async scores(rows: number): Promise<Float32Array> {
    return Float32Array.from(await this.runtime.read('scores', 0, rows * 2));
  }

  /** True once a total was not finite: from then on no weight has changed. */
  async poisoned(): Promise<boolean> {
    return (await this.runtime.read('flag', 0, 1))[0] !== 0;
  }

  async idle(): Promise<void> {
    await this.pending;
    await this.runtime.idle();
  }
}

export const RING = RING_ROWS;
