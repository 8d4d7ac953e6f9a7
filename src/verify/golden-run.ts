import { backward } from '../engine/autograd.js';
import type { Program, Runtime } from '../engine/runtime.js';
import { Graph, type NumberArray, sizeOf, type Tensor } from '../engine/tensor.js';
import { median } from '../median.js';
import { type Heads, heads, libBank, type NetConfig } from '../model/lib-net.js';
import { GRADIENTS, type Home, ParameterTable } from '../model/parameters.js';
import type { Build, NormMode } from '../model/scope.js';
import { readEntries, type StateEntry, writeEntries } from '../model/state-dict.js';
import { balance, type LossConfig, lossTerms } from '../train/losses.js';
import { HYPER, taskWeights } from '../train/programs.js';
import { cosineLr } from '../train/schedule.js';
import { flatGradients, momentBuffers, update } from '../train/updates.js';
import { hashUniform } from './fill.js';
import type { FirstStep, GoldenNet, HeadValues, StepLosses, Summary } from './golden-file.js';
import { largest, largestDifference, norm, relative, row, type VerifyRow } from './rows.js';

const LR = 1e-3;
export const WEIGHT_DECAY = 1e-6;

interface Built {
  readonly graph: Graph;
  readonly heads: Heads;
  readonly losses: {
    readonly ce: Tensor;
    readonly gil: Tensor;
    readonly lil: Tensor;
    readonly total: Tensor;
  };
}

/** All that Adam reads and writes, flat. */
export interface TrainedState {
  readonly parameters: NumberArray;
  readonly gradients: NumberArray;
  readonly m: NumberArray;
  readonly v: NumberArray;
}

/** Adam's scalars in step i, counted from 0: learning rate, 1 - beta1^t, sqrt(1 - beta2^t). */
export const hyperAt = (i: number): readonly number[] => [
  cosineLr(LR, i, 150),
  1 - 0.9 ** (i + 1),
  Math.sqrt(1 - 0.999 ** (i + 1)),
  0,
];

/** The network of a golden file on one runtime. */
export class GoldenRun {
  private readonly table = new ParameterTable();
  private readonly trained: Built;
  private readonly evaluated: Built;
  private programs: Program[] = [];

  constructor(
    private readonly runtime: Runtime,
    private readonly golden: GoldenNet,
    private readonly config: NetConfig,
  ) {
    this.trained = this.build('batch');
    this.evaluated = this.build('running');
  }

  private build(mode: NormMode): Built {
    const { B, S, mi } = this.golden;
    const graph = new Graph();
    const build: Build = {
      graph,
      table: this.table,
      norm: mode,
      dropout: 0,
      clock: graph.buffer('clock', [3], 'u32'),
      rows: graph.buffer('rows', [1], 'u32'),
    };
    const out = heads(libBank(graph.buffer('x', [B, S, S, 3]), this.config, build), this.config, build);
    const loss: LossConfig = {
      gil: true,
      lil: true,
      calculator: mi,
      temperature: 1.5,
      method: 'auto',
      scales: [],
    };
    const mix = { permutation: graph.buffer('permutation', [B], 'u32'), lambda: graph.buffer('lambda', [1]) };
    const { ce, gil, lil } = lossTerms(out, graph.buffer('labels', [B], 'u32'), mix, loss);
    const total = balance({ ce, gil, lil }, loss, taskWeights(this.table, graph, loss));
    if (mode === 'batch') {
      const gradients = flatGradients(graph, this.table);
      backward(total);
      const flag = graph.buffer('flag', [1], 'u32');
      const adam = { kind: 'adam', weightDecay: WEIGHT_DECAY, momentum: 0, nesterov: false } as const;
      update(graph, gradients, HYPER, flag, adam);
    }
    return { graph, heads: out, losses: { ce, gil: gil!, lil: lil!, total } };
  }

  async start(): Promise<void> {
    const { runtime, golden, table } = this;
    const retain = ({ heads: { z, f, l }, losses }: Built): Tensor[] => [
      z,
      f,
      ...l,
      ...Object.values(losses),
    ];
    if (this.programs.length === 0)
      this.programs = await runtime.compile([
        { name: 'golden training', graph: this.trained.graph, retain: retain(this.trained) },
        { name: 'golden evaluation', graph: this.evaluated.graph, retain: retain(this.evaluated) },
      ]);
    for (const parameter of table.list())
      await writeEntries(runtime, parameter.home, parameter, (entry) =>
        parameter.home === 'tasks'
          ? new Float32Array(sizeOf(entry.shape)).fill(1)
          : goldenWeights(entry.name, entry.shape),
      );
    for (const home of ['trained', 'tasks'] as const)
      runtime.submit(momentBuffers(home).map((clear) => ({ clear })));
    runtime.write('x', goldenImages(golden));
    runtime.write('labels', Uint32Array.from(golden.y));
    runtime.write('permutation', Uint32Array.from(golden.y.keys()));
    runtime.write('lambda', Float32Array.of(1));
  }

  async evaluation(file: string): Promise<VerifyRow[]> {
    this.runtime.submit([{ run: this.programs[1]! }]);
    const { got, want } = await this.headValues(1, this.evaluated.heads, this.golden.eval);
    return [row(file, this.golden.name, 'eval heads', largestDifference(got, want) / largest(want), 1e-5)];
  }

  async training(file: string): Promise<VerifyRow[]> {
    const { golden } = this;
    const rows: VerifyRow[] = [];
    for (const [i, step] of golden.steps.entries()) {
      this.step(i);
      rows.push(...(await this.losses(file, i, step)));
      if (i === 0) rows.push(...(await this.firstStep(file, golden.steps[0])));
    }
    rows.push(...(await this.after(file)));
    return rows;
  }

  /** One optimizer step: forward, losses, backward, Adam with its cosine. */
  step(i: number): void {
    const { runtime } = this;
    const hyper = Float32Array.from(hyperAt(i));
    runtime.write('hyper', hyper, HYPER.network);
    runtime.write('hyper', hyper, HYPER.tasks);
    runtime.submit([{ run: this.programs[0]! }]);
  }

  /** What is left after the last step. */
  async after(file: string): Promise<VerifyRow[]> {
    const { golden, runtime } = this;
    const tasks = await runtime.read('tasks', 0, golden.awl_after.length);
    return [
      row(file, golden.name, 'awl_after', largestDifference(tasks, golden.awl_after), 3e-5),
      ...(await this.running(file, 'running_after', golden.running_after, 6.5e-3)),
    ];
  }

  /** Takes over weights, moments and statistics of another run of the same network, rounded to float32. */
  async continueFrom(other: GoldenRun): Promise<void> {
    for (const home of ['trained', 'tasks', 'running'] as const)
      for (const buffer of home === 'running' ? [home] : [home, ...momentBuffers(home)])
        this.runtime.write(
          buffer,
          Float32Array.from(await other.runtime.read(buffer, 0, this.table.length(home))),
        );
  }

  /** The trained parameters, their gradients and moments, as they stand. */
  async state(): Promise<TrainedState> {
    const [m, v] = momentBuffers('trained');
    const read = (buffer: string): Promise<NumberArray> =>
      this.runtime.read(buffer, 0, this.table.length('trained'));
    return {
      parameters: await read('trained'),
      gradients: await this.gradientValues(),
      m: await read(m),
      v: await read(v),
    };
  }

  gradientValues(): Promise<NumberArray> {
    return this.runtime.read(GRADIENTS.trained, 0, this.table.length('trained'));
  }

  release(): void {
    this.runtime.release();
  }

  async losses(file: string, i: number, step: StepLosses): Promise<VerifyRow[]> {
    const tolerances =
      i === 0
        ? { ce: 1e-5, gil: 1.5e-4, lil: 1.5e-5, total: 1e-5 }
        : { ce: 5e-2, gil: 1.6e-1, lil: 4.5e-2, total: 1.5e-2 };
    const rows: VerifyRow[] = [];
    for (const key of ['ce', 'gil', 'lil', 'total'] as const) {
      const [value] = await this.programs[0]!.inspect(this.trained.losses[key]);
      rows.push(
        row(file, this.golden.name, `step ${i} ${key}`, relative(value!, step[key]), tolerances[key]),
      );
    }
    return rows;
  }

  private async firstStep(file: string, step: FirstStep): Promise<VerifyRow[]> {
    const { name } = this.golden;
    const { got, want } = await this.headValues(0, this.trained.heads, step);
    const awl = await this.runtime.read('task_gradients', 0, step.awl_grad.length);
    const awlError = Math.max(...step.awl_grad.map((value, k) => relative(awl[k]!, value)));
    return [
      row(file, name, 'train heads', largestDifference(got, want), 2.1e-4),
      ...(await this.gradients(file, step.grads)),
      row(file, name, 'awl_grad', awlError, 1e-4),
      ...(await this.running(file, 'running', step.running, 1e-5)),
    ];
  }

  private async headValues(
    program: number,
    { z, f, l }: Heads,
    want: HeadValues,
  ): Promise<{ got: number[]; want: number[] }> {
    const got: number[] = [];
    for (const tensor of [z, f, ...l]) got.push(...(await this.programs[program]!.inspect(tensor)));
    return { got, want: [...want.z.flat(), ...want.f.flat(), ...want.locals.flat(2)] };
  }

  private async gradients(file: string, want: Readonly<Record<string, Summary>>): Promise<VerifyRow[]> {
    const norms: number[] = [];
    let heads = 0;
    const missing = new Set(Object.keys(want).filter((name) => want[name]!.norm >= 1e-6));
    await this.each('trained', GRADIENTS.trained, (entry, data) => {
      const summary = want[entry.name];
      if (!summary || !missing.delete(entry.name)) return;
      norms.push(relative(norm(data), summary.norm));
      heads = Math.max(heads, largestDifference(data.subarray(0, 4), summary.head) / summary.norm);
    });
    if (missing.size > 0) norms.push(Number.POSITIVE_INFINITY);
    return [
      row(file, this.golden.name, 'gradient norms, worst', Math.max(...norms), 1.6e-2),
      row(file, this.golden.name, 'gradient norms, median', median(norms), 3e-4),
      row(file, this.golden.name, 'gradient heads', heads, 5e-2),
    ];
  }

  private async running(
    file: string,
    quantity: string,
    want: Readonly<Record<string, Summary>>,
    tolerance: number,
  ): Promise<VerifyRow[]> {
    const missing = new Set(Object.keys(want));
    let [norms, heads] = [0, 0];
    await this.each('running', 'running', (entry, data) => {
      const summary = want[entry.name];
      if (!summary) return;
      missing.delete(entry.name);
      norms = Math.max(norms, relative(norm(data), summary.norm));
      heads = Math.max(heads, largestDifference(data, summary.head) / summary.norm);
    });
    if (missing.size > 0) norms = Number.POSITIVE_INFINITY;
    return [
      row(file, this.golden.name, `${quantity}, norm`, norms, tolerance),
      row(file, this.golden.name, `${quantity}, head`, heads, tolerance),
    ];
  }

  /** Visits the state dict's tensors of one home as they lie in a flat buffer. */
  private async each(
    home: Home,
    buffer: string,
    visit: (entry: StateEntry, data: Float32Array) => void,
  ): Promise<void> {
    for (const parameter of this.table.list()) {
      if (parameter.home !== home) continue;
      for (const { entry, data } of await readEntries(this.runtime, buffer, parameter)) visit(entry, data);
    }
  }
}

/** Weights by formula, named by the bare state-dict key. */
export function goldenWeights(name: string, shape: readonly number[]): Float32Array {
  const size = sizeOf(shape);
  const fan = size / shape[0]!;
  const u = (k: number): number => hashUniform(name, k);
  const value = (k: number): number => {
    if (shape.length === 4) return u(k) * Math.sqrt(6 / fan);
    if (shape.length === 2) return u(k) * Math.sqrt(3 / fan);
    if (name.endsWith('running_var')) return 1 + 0.2 * u(k);
    return name.endsWith('.weight') ? 1 + 0.1 * u(k) : 0.1 * u(k);
  };
  return Float32Array.from({ length: size }, (_, k) => value(k));
}

/** x = 2u of `<name>.x` [B,3,S,S], as NHWC. */
function goldenImages({ name, B, S }: GoldenNet): Float32Array {
  const x = new Float32Array(B * S * S * 3);
  const pixels = S * S;
  for (let k = 0; k < x.length; k++) {
    const [image, channel, pixel] = [Math.floor(k / (3 * pixels)), Math.floor(k / pixels) % 3, k % pixels];
    x[(image * pixels + pixel) * 3 + channel] = 2 * hashUniform(`${name}.x`, k);
  }
  return x;
}
