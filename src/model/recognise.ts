import { Graph } from '../engine/tensor.js';
import { UserError } from '../errors.js';
import { featureSize, libNet, type NetConfig } from './lib-net.js';
import { MODEL_NAMES } from './names.js';
import { ParameterTable } from './parameters.js';
import { stateDict } from './state-dict.js';

type Shapes = ReadonlyMap<string, readonly number[]>;

/** Sides do not matter for names and shapes; this one leaves every backbone a pixel at its end. */
const SIDE = 32;

/** Names and shapes of a network's state dict, without batch counters. */
export function stateShapes(net: NetConfig): Map<string, readonly number[]> {
  const graph = new Graph();
  const table = new ParameterTable();
  const [clock, rows] = [graph.buffer('clock', [3], 'u32'), graph.buffer('rows', [1], 'u32')];
  libNet(graph.buffer('x', [1, SIDE, SIDE, 3]), net, {
    graph,
    table,
    norm: 'running',
    dropout: 0,
    clock,
    rows,
  });
  return new Map(stateDict(table).map(({ name, shape }) => [name, shape]));
}

/** What a state dict may have or lack: batch counters, and the classifiers that nothing uses. */
const isOptional = (name: string): boolean => /\.num_batches_tracked$|^region_model\d+\._?fc\./.test(name);

/**
 * The detector whose state dict has these names and shapes.
 * @throws UserError when it is none of ours
 */
export function recogniseNet(shapes: Shapes): NetConfig {
  let libs = 0;
  while (shapes.has(`local_linear${libs + 1}.weight`)) libs++;
  const [, columns = 0] = shapes.get('baseline_linear.weight') ?? [];
  const given = [...shapes].filter(([name]) => !isOptional(name));
  for (const model of MODEL_NAMES) {
    if (libs < 2 || featureSize(model) * libs !== columns) continue;
    const net = { model, libs, gil: true, lil: true };
    const wanted = new Map([...stateShapes(net)].filter(([name]) => !isOptional(name)));
    if (given.length === wanted.size && given.every(([name, shape]) => `${wanted.get(name)}` === `${shape}`))
      return net;
  }
  throw new UserError(
    `not the state dict of a detector: ${libs} LIBs (local_linear1, ...) over ${columns} features are none of ${MODEL_NAMES.join(', ')}`,
  );
}
