import type { Runtime } from '../engine/runtime.js';
import { sizeOf } from '../engine/tensor.js';
import type { Parameter, ParameterTable } from './parameters.js';

/** One tensor of the reference's state dict and where its elements lie in ours. */
export interface StateEntry {
  readonly name: string;
  /** PyTorch's shape: OIHW for convolutions, [out, in] for linear layers. */
  readonly shape: readonly number[];
  readonly parameter: Parameter;
  /** Element k (PyTorch's flat order) is element index(k) of the parameter. */
  readonly index: (k: number) => number;
}

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

/** PyTorch's shape of LIB i's part, and its element order. */
function torchView(
  { shape, layout }: Parameter,
  lib: number,
  libs: number,
): Pick<StateEntry, 'shape' | 'index'> {
  switch (layout) {
    case 'conv': {
      const [, kh = 1, kw = 1, ci = 1, co = 1] = shape;
      const base = lib * kh * kw * ci * co;
      const taps = kh * kw;
      const index = (k: number): number =>
        base + (k % taps) * ci * co + (Math.floor(k / taps) % ci) * co + Math.floor(k / (taps * ci));
      return { shape: [co, ci, kh, kw], index };
    }
    case 'depthwise': {
      const [kh = 1, kw = 1, all = 1] = shape;
      const channels = all / libs;
      const taps = kh * kw;
      return {
        shape: [channels, 1, kh, kw],
        index: (k) => (k % taps) * all + lib * channels + Math.floor(k / taps),
      };
    }
    case 'linear': {
      const [, inputs = 1, outputs = 1] = shape;
      const base = lib * inputs * outputs;
      return {
        shape: [outputs, inputs],
        index: (k) => base + (k % inputs) * outputs + Math.floor(k / inputs),
      };
    }
    case 'vector': {
      const size = shape[0]! / libs;
      return { shape: [size], index: (k) => lib * size + k };
    }
  }
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
    for (let k = 0; k < data.length; k++) data[k] = values[entry.index(k)]!;
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
    for (let k = 0; k < sizeOf(entry.shape); k++) values[entry.index(k)] = data[k]!;
  }
  runtime.write(buffer, values, parameter.offset);
}
