import type { Runtime } from '../engine/runtime.js';
import { ALIGNMENT, Graph, sizeOf } from '../engine/tensor.js';
import { initialWeights } from '../kernels/initial-weights.js';
import { Rng, streamKey } from '../rng.js';
import type { Init, Parameter, ParameterTable } from './parameters.js';
import { stateEntries, writeEntries } from './state-dict.js';

/**
 * Draws the initial weights. Each tensor of each LIB has its own stream, keyed by its name, so that layouts do not matter. What has many
 * elements is drawn on the device: 88 million normal numbers take it a second, and JavaScript thirteen.
 */
export async function initialise(runtime: Runtime, table: ParameterTable, seed: number): Promise<void> {
  const large = table.list().filter(({ layout, init }) => MATRICES.has(layout) && init.kind !== 'constant');
  if (large.length > 0) await drawOnDevice(runtime, table, large, seed);
  for (const parameter of table.list())
    if (!large.includes(parameter))
      await writeEntries(runtime, parameter.home, parameter, (entry) =>
        draw(parameter.init, sizeOf(entry.shape), new Rng(seed, 'weights', entry.name)),
      );
}

/** Layouts [groups, ..., in, out]. */
const MATRICES: ReadonlySet<Parameter['layout']> = new Set(['conv', 'linear']);

async function drawOnDevice(
  runtime: Runtime,
  table: ParameterTable,
  parameters: readonly Parameter[],
  seed: number,
): Promise<void> {
  const graph = new Graph();
  parameters.forEach((parameter, i) => {
    const { shape, init } = parameter;
    const [groups = 1] = shape;
    const [ci = 1, co = 1] = shape.slice(-2);
    const attrs = { shape: [groups, sizeOf(shape) / (groups * ci * co), ci, co], ...scaleOf(init) };
    const place = table.tensor(graph, parameter).reshape(...attrs.shape);
    initialWeights(graph.buffer('weight_keys', [groups], 'u32', i * ALIGNMENT), attrs, place);
  });
  const [program] = await runtime.compile([{ name: 'initial weights', graph }]);
  parameters.forEach((parameter, i) => {
    const keys = stateEntries(parameter).map(({ name }) => streamKey(seed, 'weights', name));
    runtime.write('weight_keys', Uint32Array.from(keys), i * ALIGNMENT);
  });
  runtime.submit([{ run: program! }]);
}

const scaleOf = (init: Init): { distribution: 'normal' | 'uniform'; scale: number } =>
  init.kind === 'uniform'
    ? { distribution: 'uniform', scale: init.bound }
    : { distribution: 'normal', scale: init.kind === 'normal' ? init.deviation : 0 };

function draw(init: Init, size: number, rng: Rng): Float32Array {
  switch (init.kind) {
    case 'constant':
      return new Float32Array(size).fill(init.value);
    case 'normal':
      return Float32Array.from({ length: size }, () => init.deviation * rng.normal());
    case 'uniform':
      return Float32Array.from({ length: size }, () => rng.range(-init.bound, init.bound));
  }
}
