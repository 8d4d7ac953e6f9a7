import { Graph, type Tensor } from '../../src/engine/tensor.js';
import { add } from '../../src/kernels/add.js';
import { linear } from '../../src/kernels/linear.js';
import { sigmoid } from '../../src/kernels/sigmoid.js';
import { swish } from '../../src/kernels/swish.js';
import { Rng } from '../../src/rng.js';

export const ROWS = 4;
export const COLUMNS = 6;

export interface RandomGraph {
  readonly graph: Graph;
  /** Tensors in buffers `p0`, `p1`, ... whose gradients go to `g0`, `g1`, ... */
  readonly parameters: readonly Tensor[];
  readonly nodes: readonly Tensor[];
  readonly output: Tensor;
}

/** A smooth expression of any shape: tensors are used once, often or never, and through views. */
export function randomGraph(seed: number, length = 14): RandomGraph {
  const rng = new Rng(seed, 'graph');
  const graph = new Graph();
  const parameter = (i: number, shape: number[]): Tensor => {
    const tensor = graph.buffer(`p${i}`, shape);
    tensor.gradient = graph.buffer(`g${i}`, shape);
    return tensor;
  };
  const parameters = [
    parameter(0, [ROWS, COLUMNS]),
    parameter(1, [ROWS, COLUMNS]),
    parameter(2, [1, COLUMNS, COLUMNS]),
  ];
  const nodes: Tensor[] = parameters.slice(0, 2);
  const pick = (): Tensor => nodes[rng.below(nodes.length)]!;
  const make = [
    () => add(pick(), pick()),
    () => sigmoid(pick()),
    () => swish(pick()),
    () => linear(pick(), parameters[2]!, undefined),
    () => sigmoid(pick().reshape(COLUMNS, ROWS)).reshape(ROWS, COLUMNS),
  ];
  for (let i = 0; i < length; i++) nodes.push(make[rng.below(make.length)]!());
  return { graph, parameters, nodes: nodes.slice(2), output: nodes.at(-1)! };
}

/** Values of parameter i, around zero. */
export function valuesOf(seed: number, i: number, size: number): Float64Array {
  const rng = new Rng(seed, 'values', i);
  return Float64Array.from({ length: size }, () => Math.fround(rng.range(-0.5, 0.5)));
}
