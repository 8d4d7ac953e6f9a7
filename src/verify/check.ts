import { backward } from '../engine/autograd.js';
import { type Case, type CaseInput, type Op, toleranceOf } from '../engine/op.js';
import { type Chooser, isValid } from '../engine/plan.js';
import { relativeError } from '../engine/relative-error.js';
import type { Program, Runtime, Step } from '../engine/runtime.js';
import { Graph, type Meta, type NumberArray, sizeOf, type Tensor } from '../engine/tensor.js';
import { fillInput, typedValues } from './fill.js';

/** One compared quantity. */
export interface CheckRow {
  readonly name: string;
  readonly quantity: string;
  readonly error: number;
  readonly tolerance: number;
}

const GUARD = 64; // elements: one alignment unit of 256 bytes on either side of a tensor
const SENTINEL = 12345.678;

/** A variant of a case, and a runtime that runs it. */
export interface Checkable {
  readonly variant: string;
  readonly runtime: Runtime;
}

/**
 * Every variant that runs a case here: also those that round more than the default ones may, and those meant for GPUs on a software
 * adapter, where they are slow but must be right.
 */
export function checkables(op: Op, sample: Case, runtime: Runtime): Checkable[] {
  const metas = sample.inputs.map((input) => input && metaOf(input));
  const outputs = op.shape(metas, sample.attrs);
  const accumulate = outputs.map(() => false);
  const families = runtime.capabilities.software ? [true, false] : [false];
  const others = families.map((software) => runtime.sibling({ software, fastMath: true, halves: true }));
  const found = new Map<string, Checkable>();
  for (const host of [runtime, ...others]) {
    const call = { inputs: metas, outputs, attrs: sample.attrs, accumulate, capabilities: host.capabilities };
    for (const [variant, spec] of Object.entries(op.variants))
      if (!found.has(variant) && isValid(spec, call)) found.set(variant, { variant, runtime: host });
  }
  return [...found.values()];
}

/** All rows of one case: each variant, fresh and accumulating, and the gradient. */
export async function* checkCase(runtime: Runtime, op: Op, sample: Case): AsyncGenerator<CheckRow> {
  for (const { variant, runtime: host } of checkables(op, sample, runtime))
    for (const accumulate of op.accumulates ? [false, true] : [false])
      yield* await checkForward(host, op, sample, variant, accumulate);
  yield* await checkGradient(runtime, op, sample);
}

/**
 * Runs one case with one variant, each tensor between two sentinels, outputs poisoned beforehand, and compares outputs, mutated
 * inputs and sentinels with the float64 reference. With `accumulate`, accumulating outputs start from known values.
 */
export const checkForward = (
  runtime: Runtime,
  op: Op,
  sample: Case,
  variant: string,
  accumulate: boolean,
): Promise<CheckRow[]> => withBench(runtime, (bench) => forwardRows(bench, op, sample, variant, accumulate));

async function forwardRows(
  bench: Bench,
  op: Op,
  sample: Case,
  variant: string,
  accumulate: boolean,
): Promise<CheckRow[]> {
  const values = sample.inputs.map((input, i) =>
    input ? fillInput(input, `${op.name}.${sample.name}.${i}`) : new Float64Array(0),
  );
  const inputs = sample.inputs.map((input, i) => input && bench.tensor(metaOf(input), values[i]!));
  const metas = op.shape(inputs, sample.attrs);
  const adds = metas.map((_, k) => accumulate && (op.accumulates ?? []).includes(op.outputs[k]!));
  const start = metas.map((meta, k) =>
    adds[k]
      ? fillInput({ shape: meta.shape }, `start ${k}`)
      : new Float64Array(sizeOf(meta.shape)).fill(Number.NaN),
  );
  const into = metas.map((meta, k) => ({ tensor: bench.tensor(meta, start[k]!), accumulate: adds[k]! }));
  bench.graph.call(op, inputs, sample.attrs, into);
  await bench.run((_, other) => (other === op ? variant : undefined));
  const expected = op.reference(values, { inputs: inputs, outputs: metas, attrs: sample.attrs });
  const places = [
    ...into.map(({ tensor }) => tensor),
    ...(op.mutates ?? []).map((name) => inputs[op.inputs.indexOf(name)]),
  ];
  const labels = [...op.outputs, ...(op.mutates ?? [])];
  const rows: CheckRow[] = [];
  for (const [k, place] of places.entries()) {
    if (!place) continue;
    const want = expected[k]!.map((value, i) => value + (adds[k] ? start[k]![i]! : 0));
    const error = relativeError(await bench.read(place), want);
    rows.push({
      name: `${op.name} ${sample.name} ${variant}${accumulate ? ' +=' : ''}`,
      quantity: labels[k]!,
      error,
      tolerance: toleranceOf(op, variant),
    });
  }
  const spilled = await bench.spilled();
  rows.push({
    name: `${op.name} ${sample.name} ${variant}`,
    quantity: 'writes outside',
    error: spilled,
    tolerance: 0,
  });
  return rows;
}

/** Compares the gradient that autograd computes on this runtime with central differences of the float64 forward reference. */
export async function checkGradient(
  runtime: Runtime,
  op: Op,
  sample: Case,
  probes = 12,
): Promise<CheckRow[]> {
  const wanted =
    sample.gradients ??
    sample.inputs.flatMap((input, i) => (input && (input.dtype ?? 'f32') === 'f32' ? [i] : []));
  if (!op.gradient || wanted.length === 0) return [];
  return withBench(runtime, (bench) => gradientRows(bench, op, sample, wanted, probes));
}

async function gradientRows(
  bench: Bench,
  op: Op,
  sample: Case,
  wanted: readonly number[],
  probes: number,
): Promise<CheckRow[]> {
  const values = sample.inputs.map((input, i) =>
    input ? fillInput(input, `${op.name}.${sample.name}.${i}`) : new Float64Array(0),
  );
  const inputs = sample.inputs.map((input, i) => input && bench.tensor(metaOf(input), values[i]!));
  const places = wanted.map((i) => {
    const input = inputs[i]!;
    input.gradient = bench.tensor(input, new Float64Array(input.size));
    return input.gradient;
  });
  const outputs = bench.graph.call(op, inputs, sample.attrs);
  const dy = fillInput({ shape: outputs[0]!.shape }, 'dy');
  backward([{ tensor: outputs[0]!, gradient: bench.tensor(outputs[0]!, dy) }]);
  await bench.run();
  const forward = (xs: readonly Float64Array[]): number => {
    const y = op.reference(xs, { inputs, outputs, attrs: sample.attrs })[0]!;
    return y.reduce((sum, value, i) => sum + value * dy[i]!, 0);
  };
  const rows: CheckRow[] = [];
  for (const [k, i] of wanted.entries()) {
    const got = await bench.read(places[k]!);
    const scale = Float64Array.from(got).reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-6);
    const error = probeIndices(values[i]!.length, probes).reduce((worst, at) => {
      const slope = centralDifference(forward, values, i, at);
      const difference = Math.abs(got[at]! - slope) / scale;
      return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
    }, 0);
    rows.push({
      name: `${op.name} ${sample.name}`,
      quantity: `d/d${op.inputs[i]}`,
      error,
      tolerance: 10 * (op.tolerance ?? 1e-5),
    });
  }
  return rows;
}

function centralDifference(
  f: (xs: readonly Float64Array[]) => number,
  values: readonly Float64Array[],
  i: number,
  at: number,
): number {
  const h = 1e-4;
  const shifted = (by: number): number =>
    f(values.map((value, j) => (j === i ? value.with(at, value[at]! + by) : value)));
  // Five-point formula: its error falls with h^4, so that h can stay large enough for float64's own rounding.
  return (8 * (shifted(h) - shifted(-h)) - (shifted(2 * h) - shifted(-2 * h))) / (12 * h);
}

const probeIndices = (size: number, probes: number): number[] =>
  size <= probes
    ? Array.from({ length: size }, (_, i) => i)
    : Array.from({ length: probes }, (_, i) => Math.floor(((i + 0.5) * size) / probes));

const metaOf = ({ shape, dtype = 'f32' }: CaseInput): Meta => ({ shape, dtype });

/** Runs a check with a bench whose memory is free again behind it. */
async function withBench<T>(runtime: Runtime, check: (bench: Bench) => Promise<T>): Promise<T> {
  const bench = new Bench(runtime);
  try {
    return await check(bench);
  } finally {
    bench.release();
  }
}

/** A graph whose tensors lie in buffers of their own between sentinels. */
class Bench {
  readonly graph = new Graph();
  private static count = 0;
  private readonly tensors: { buffer: string; tensor: Tensor; values: Float64Array }[] = [];

  private readonly runtime: Runtime;

  constructor(runtime: Runtime) {
    this.runtime = runtime.sibling();
  }

  tensor({ shape, dtype }: Meta, values: Float64Array): Tensor {
    const buffer = `check ${Bench.count++}`;
    const guard = dtype === 'u8' ? 4 * GUARD : GUARD;
    const size = Math.ceil(sizeOf(shape) / 4) * 4;
    this.graph.buffer(buffer, [guard + size + guard], dtype);
    const tensor = this.graph.buffer(buffer, shape, dtype, guard);
    this.tensors.push({ buffer, tensor, values });
    return tensor;
  }

  async run(choose?: Chooser): Promise<void> {
    const [program] = await this.runtime.compile(
      [{ name: 'check', graph: this.graph }],
      choose ? { choose } : {},
    );
    for (const { buffer, tensor, values } of this.tensors) {
      const { guard, total } = this.extent(tensor);
      const data = new Float64Array(total).fill(tensor.dtype === 'f32' ? SENTINEL : 77);
      data.set(values, guard);
      this.runtime.write(buffer, typedValues(data, tensor.dtype));
    }
    this.runtime.submit([{ run: program as Program } satisfies Step]);
    await this.runtime.idle();
  }

  read(tensor: Tensor): Promise<NumberArray> {
    const { guard } = this.extent(tensor);
    return this.runtime.read(
      this.tensors.find((entry) => entry.tensor === tensor)!.buffer,
      guard,
      tensor.size,
    );
  }

  release(): void {
    this.runtime.release();
  }

  /** How many sentinels changed. */
  async spilled(): Promise<number> {
    let changed = 0;
    for (const { buffer, tensor } of this.tensors) {
      const { guard, total } = this.extent(tensor);
      const data = await this.runtime.read(buffer, 0, total);
      const sentinel = tensor.dtype === 'f32' ? Math.fround(SENTINEL) : 77;
      data.forEach((value, i) => {
        if ((i < guard || i >= guard + tensor.size) && Math.abs(value - sentinel) > 1e-3) changed++;
      });
    }
    return changed;
  }

  private extent(tensor: Tensor): { guard: number; total: number } {
    const guard = tensor.dtype === 'u8' ? 4 * GUARD : GUARD;
    return { guard, total: 2 * guard + Math.ceil(tensor.size / 4) * 4 };
  }
}
