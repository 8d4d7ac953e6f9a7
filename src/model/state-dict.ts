import type { Runtime } from '../engine/runtime.js';
import { sizeOf } from '../engine/tensor.js';
import type { Parameter, ParameterTable } from './parameters.js';

/** One tensor of the reference's state dict and where its elements lie in ours. */
export interface StateEntry {
  readonly name: string;
  /** PyTorch's shape: OIHW for convolutions, [out, in] for linear layers. */
  readonly shape: readonly number[];
  readonly parameter: Parameter;
  readonly place: Place;
}

/** Element (a, b, c) of three dimensions, the last counted fastest as PyTorch does, is element base + a + steps . (b, c) of ours. */
interface Place {
  readonly base: number;
  readonly sizes: readonly [number, number, number];
  readonly steps: readonly [number, number];
}

/** How far apart in PyTorch's tensor neighbours in ours are. */
const strideOf = ({ place: { sizes } }: StateEntry): number => sizes[1] * sizes[2];

/** The state dict's entries that one of our (possibly stacked) parameters stands for. */
export function stateEntries(parameter: Parameter): StateEntry[] {
  const { name, libs } = parameter;
  if (libs === undefined) return [{ name, parameter, ...torchView(parameter, 0, 1) }];
  return Array.from({ length: libs }, (_, i) => ({
    name: `region_model${i + 1}.${name}`,
    parameter,
    ...torchView(parameter, i, libs),
  }));
}

/** PyTorch's shape of LIB i's part, and where its elements lie. */
function torchView(
  { shape, layout }: Parameter,
  lib: number,
  libs: number,
): Pick<StateEntry, 'shape' | 'place'> {
  switch (layout) {
    case 'conv': {
      const [, kh = 1, kw = 1, ci = 1, co = 1] = shape;
      const taps = kh * kw;
      const place: Place = { base: lib * taps * ci * co, sizes: [co, ci, taps], steps: [co, ci * co] };
      return { shape: [co, ci, kh, kw], place };
    }
    case 'depthwise': {
      const [kh = 1, kw = 1, all = 1] = shape;
      const channels = all / libs;
      const place: Place = { base: lib * channels, sizes: [channels, 1, kh * kw], steps: [0, all] };
      return { shape: [channels, 1, kh, kw], place };
    }
    case 'linear': {
      const [, inputs = 1, outputs = 1] = shape;
      const base = lib * inputs * outputs;
      return {
        shape: [outputs, inputs],
        place: { base, sizes: [outputs, inputs, 1], steps: [outputs, 0] },
      };
    }
    case 'vector': {
      const size = shape[0]! / libs;
      return { shape: [size], place: { base: lib * size, sizes: [size, 1, 1], steps: [0, 0] } };
    }
  }
}

/** Sizes of the blocks that a tensor is visited in: what they touch on either side stays in a core's first cache. */
const BLOCK = { a: 128, b: 8 };

/**
 * Calls back with up to 128 neighbours in ours: the first one's index in PyTorch's tensor and in ours, and their number; in PyTorch's
 * they lie `stride` apart. Their neighbours there are visited soon after.
 */
function forEachRun(
  { base, sizes, steps }: Place,
  visit: (theirs: number, ours: number, count: number) => void,
): void {
  for (let a = 0; a < sizes[0]; a += BLOCK.a)
    for (let block = 0; block < sizes[1]; block += BLOCK.b)
      for (let c = 0; c < sizes[2]; c++)
        for (let b = block; b < Math.min(block + BLOCK.b, sizes[1]); b++)
          visit(
            (a * sizes[1] + b) * sizes[2] + c,
            base + a + b * steps[0] + c * steps[1],
            Math.min(BLOCK.a, sizes[0] - a),
          );
}

/** All entries of the network's state dict but the batch counters. */
export const stateDict = (table: ParameterTable): StateEntry[] =>
  table
    .list()
    .filter(({ home }) => home !== 'tasks')
    .flatMap(stateEntries);

/** Names of batch norm's `num_batches_tracked`, one for each running_mean. */
export const batchCounters = (table: ParameterTable): string[] =>
  stateDict(table).flatMap(({ name }) =>
    name.endsWith('.running_mean') ? [name.replace(/running_mean$/, 'num_batches_tracked')] : [],
  );

/** Reads a parameter-shaped range of a flat buffer as PyTorch's tensors. */
export async function readEntries(
  runtime: Runtime,
  buffer: string,
  parameter: Parameter,
): Promise<{ entry: StateEntry; data: Float32Array }[]> {
  const values = await runtime.read(buffer, parameter.offset, sizeOf(parameter.shape));
  return stateEntries(parameter).map((entry) => {
    const data = new Float32Array(sizeOf(entry.shape));
    const stride = strideOf(entry);
    forEachRun(entry.place, (theirs, ours, count) => {
      for (let i = 0; i < count; i++) data[theirs + i * stride] = values[ours + i]!;
    });
    return { entry, data };
  });
}

/** Writes a parameter from PyTorch's tensors; `lookup` gives each by name. */
export async function writeEntries(
  runtime: Runtime,
  buffer: string,
  parameter: Parameter,
  lookup: (entry: StateEntry) => Promise<ArrayLike<number>> | ArrayLike<number>,
): Promise<void> {
  const values = new Float32Array(sizeOf(parameter.shape));
  for (const entry of stateEntries(parameter)) {
    const data = await lookup(entry);
    const stride = strideOf(entry);
    forEachRun(entry.place, (theirs, ours, count) => {
      for (let i = 0; i < count; i++) values[ours + i] = data[theirs + i * stride]!;
    });
  }
  runtime.write(buffer, values, parameter.offset);
}
