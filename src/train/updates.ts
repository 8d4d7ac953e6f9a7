import { ALIGNMENT, type Graph, type Shape, sizeOf, type Tensor } from '../engine/tensor.js';
import { adam, ranges, sgd } from '../kernels/optimizers.js';
import { GRADIENTS, type Home, type Parameter, type ParameterTable } from '../model/parameters.js';

export interface OptimizerConfig {
  readonly kind: 'adam' | 'sgd';
  readonly weightDecay: number;
  readonly momentum: number;
  readonly nesterov: boolean;
}

/** A range of a flat buffer of parameters that the optimizer updates at once. */
export interface Piece {
  /** First element in the flat buffer. */
  readonly offset: number;
  /** [length], in the order of the parameters. */
  readonly gradients: Tensor;
}

/** Where the gradients of a graph's parameters lie, for update(). */
export interface Gradients {
  readonly trained: readonly Piece[];
  readonly tasks: readonly Piece[];
}

/** Moments of a flat buffer, by optimizer. */
export const momentBuffers = (home: Home): readonly [string, string] => [
  `${home}_moment1`,
  `${home}_moment2`,
];

/**
 * Puts the gradients of the parameters that a graph has mentioned so far into flat buffers laid out like theirs: all there at the end of
 * a step, for whoever adds to them or reads them.
 */
export const flatGradients = (graph: Graph, table: ParameterTable): Gradients => ({
  trained: flatPieces(graph, table, 'trained'),
  tasks: flatPieces(graph, table, 'tasks'),
});

/** Pieces that any adapter can bind. */
function flatPieces(graph: Graph, table: ParameterTable, home: keyof Gradients): Piece[] {
  const flat = (offset: number, shape: Shape): Tensor => graph.buffer(GRADIENTS[home], shape, 'f32', offset);
  placeGradients(graph, home, flat);
  return ranges(table.length(home)).map(({ offset, length }) => ({
    offset,
    gradients: flat(offset, [length]),
  }));
}

/** Elements of a window, unless one parameter has more: 16 MiB. */
const WINDOW = 2 ** 22;

/**
 * Puts the gradients of the trained parameters into windows, each for some that follow each other in the flat buffer. The memory plan
 * gives a window memory from the first gradient that arrives there to the last dispatch of the optimizer, so a step never holds all
 * gradients. Pieces end where padding follows: the memory there holds anything.
 */
export const gradientWindows = (graph: Graph, table: ParameterTable): Gradients => ({
  trained: windowPieces(graph, table),
  tasks: flatPieces(graph, table, 'tasks'),
});

function windowPieces(graph: Graph, table: ParameterTable): Piece[] {
  const windows = windowsOf(table.list().filter(({ home }) => home === 'trained'));
  const tensors = windows.map(({ length }) => graph.planned([length]));
  placeGradients(graph, 'trained', (offset, shape) => {
    const k = windows.findLastIndex((window) => window.offset <= offset);
    return tensors[k]!.slice(offset - windows[k]!.offset, shape);
  });
  return windows.flatMap(({ offset, runs }, k) =>
    runs.flatMap(byQuads).map((run) => ({
      offset: run.offset,
      gradients: tensors[k]!.slice(run.offset - offset, [run.length]),
    })),
  );
}

/** An update goes by quads if its length does: what a run has beyond them is updated apart. */
function byQuads({ offset, length }: Run): Run[] {
  const rest = length % 4 && length % ALIGNMENT;
  const runs = [
    { offset, length: length - rest },
    { offset: offset + length - rest, length: rest },
  ];
  return runs.filter((run) => run.length > 0);
}

interface Run {
  readonly offset: number;
  length: number;
}

/** Parameters that share a window, in runs without padding. */
interface Window extends Run {
  readonly runs: Run[];
}

function windowsOf(parameters: readonly Parameter[]): Window[] {
  const windows: Window[] = [];
  for (const { offset, shape } of parameters) {
    const size = sizeOf(shape);
    let window = windows.at(-1);
    if (!window || offset + size - window.offset > WINDOW) {
      window = { offset, length: 0, runs: [] };
      windows.push(window);
    }
    const run = window.runs.at(-1);
    if (run && run.offset + run.length === offset) run.length += size;
    else window.runs.push({ offset, length: size });
    window.length = offset + size - window.offset;
  }
  return windows;
}

function placeGradients(
  graph: Graph,
  home: keyof Gradients,
  place: (offset: number, shape: Shape) => Tensor,
): void {
  for (const { root } of graph.nodes.flatMap(({ inputs }) => inputs.filter((input) => input !== undefined)))
    if (root.storage.kind === 'buffer' && root.storage.buffer === home)
      root.gradient = place(root.storage.offset, root.shape);
}

/** Appends the updates of all parameters. @param hyperAt places of the optimizer's scalars for the network and for the w_k */
export function update(
  graph: Graph,
  { trained, tasks }: Gradients,
  hyperAt: { readonly network: number; readonly tasks: number },
  flag: Tensor,
  config: OptimizerConfig,
): void {
  updatePieces(graph, 'trained', trained, hyperAt.network, flag, config);
  updatePieces(graph, 'tasks', tasks, hyperAt.tasks, flag, config);
}

function updatePieces(
  graph: Graph,
  home: keyof Gradients,
  pieces: readonly Piece[],
  hyperAt: number,
  flag: Tensor,
  config: OptimizerConfig,
): void {
  const [first, second] = momentBuffers(home);
  const hyper = graph.buffer('hyper', [4], 'f32', hyperAt);
  const { weightDecay, momentum, nesterov } = config;
  for (const { offset, gradients } of pieces) {
    const flat = (name: string): Tensor => graph.buffer(name, gradients.shape, 'f32', offset);
    const group = { parameters: flat(home), gradients };
    if (config.kind === 'adam')
      adam({ ...group, m: flat(first), v: flat(second) }, hyper, flag, {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weightDecay,
      });
    else sgd({ ...group, momentum: flat(first) }, hyper, flag, { momentum, nesterov, weightDecay });
  }
}
