import { backward } from '../engine/autograd.js';
import { hoist } from '../engine/hoist.js';
import { recompute } from '../engine/recompute.js';
import type { ProgramSource } from '../engine/runtime.js';
import { Graph, type Tensor } from '../engine/tensor.js';
import { normaliseAndMix } from '../kernels/normalise-and-mix.js';
import { RECORD_COLUMNS, recordLosses } from '../kernels/record-losses.js';
import { loadRows, storeRows } from '../kernels/rows.js';
import { featureSize, heads, libBank, type NetConfig } from '../model/lib-net.js';
import type { ParameterTable } from '../model/parameters.js';
import type { Build, NormMode } from '../model/scope.js';
import { balance, type LossConfig, lossTerms } from './losses.js';
import { flatGradients, gradientWindows, type OptimizerConfig, update } from './updates.js';

export interface ProgramConfig {
  readonly net: NetConfig;
  readonly loss: LossConfig;
  readonly optimizer: OptimizerConfig;
  /** Side of the images in pixels. */
  readonly size: number;
  readonly dropout: number;
  /** Compute batch norm's results once more in the backward pass instead of keeping them. */
  readonly recompute?: boolean;
}

/** ImageNet's statistics, applied to the channels in the order in which they are stored (METHOD 5: B,G,R). */
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/** Rows of the loss ring: read between steps, long before it wraps. */
export const RING_ROWS = 4096;

/** Places of the step's scalars: each is bound by itself, so each starts on 256 bytes. */
export const HYPER = { network: 0, tasks: 64, lambda: 128 } as const;
export const CLOCK = { clock: 0, slot: 64, scoreRow: 128 } as const;

/** The buffers through which the CPU speaks to a step. */
function stepInputs(graph: Graph, batch: number, size: number) {
  return {
    images: graph.buffer('images', [batch, size, size, 3], 'u8'),
    labels: graph.buffer('labels', [batch], 'u32'),
    permutation: graph.buffer('permutation', [batch], 'u32'),
    /** First row of the slice under way. */
    rows: graph.buffer('rows', [1], 'u32'),
    clock: graph.buffer('clock', [3], 'u32', CLOCK.clock),
    slot: graph.buffer('clock', [1], 'u32', CLOCK.slot),
    scoreRow: graph.buffer('clock', [1], 'u32', CLOCK.scoreRow),
    lambda: graph.buffer('hyper', [1], 'f32', HYPER.lambda),
    flag: graph.buffer('flag', [1], 'u32'),
  };
}

type StepInputs = ReturnType<typeof stepInputs>;

/** Builds the graphs of a run. All share one parameter table, so the first one built decides the order of the flat buffers. */
export class ProgramBuilder {
  constructor(
    private readonly config: ProgramConfig,
    private readonly table: ParameterTable,
    /** Rows of the score buffer: samples of the longest epoch or evaluation. */
    private readonly samples: number,
  ) {}

  /** One whole training step: forward, losses, backward; parameters are updated as soon as the backward pass is done with them. */
  trainWhole(batch: number): ProgramSource {
    const { graph, inputs, build } = this.start(batch, 'batch', this.config.dropout);
    const Z = libBank(this.mixed(inputs, batch), this.config.net, build);
    const total = this.objective(Z, inputs, build);
    const gradients = gradientWindows(graph, this.table);
    this.backward(graph, () => backward(total));
    const end = graph.nodes.length;
    update(graph, gradients, HYPER, inputs.flag, this.config.optimizer);
    hoist(graph, end);
    return { name: `train ${batch}`, graph };
  }

  /** First phase of a sliced step: features of `slice` images of a batch of `batch`. */
  trainFeatures(batch: number, slice: number): ProgramSource {
    const { graph, inputs, build } = this.start(batch, 'batch', this.config.dropout);
    const Z = libBank(this.mixed(inputs, slice), this.config.net, build);
    storeRows(Z, inputs.rows, this.featureBuffer(graph, 'features', batch));
    return { name: `features ${slice}/${batch}`, graph };
  }

  /** Second phase: heads and losses, forward and backward, on the whole batch (LIL = exp of a batch mean does not split). */
  trainHeads(batch: number): ProgramSource {
    const { graph, inputs, build } = this.start(batch, 'batch', this.config.dropout);
    const Z = this.featureBuffer(graph, 'features', batch);
    Z.gradient = this.featureBuffer(graph, 'feature_gradients', batch);
    const total = this.objective(Z, inputs, build);
    flatGradients(graph, this.table);
    backward(total);
    return { name: `heads ${batch}`, graph };
  }

  /** Third phase: a slice's forward once more, and its backward, added to the gradients of the slices before. */
  trainSlice(batch: number, slice: number): ProgramSource {
    const { graph, inputs, build } = this.start(batch, 'again', this.config.dropout);
    const Z = libBank(this.mixed(inputs, slice), this.config.net, build);
    const gradient = loadRows(this.featureBuffer(graph, 'feature_gradients', batch), inputs.rows, slice);
    flatGradients(graph, this.table);
    this.backward(graph, () => backward([{ tensor: Z, gradient }], true));
    return { name: `backward ${slice}/${batch}`, graph };
  }

  /** Last phase. */
  trainUpdate(batch: number): ProgramSource {
    const { graph, inputs } = this.start(batch, 'batch', this.config.dropout);
    update(graph, flatGradients(graph, this.table), HYPER, inputs.flag, this.config.optimizer);
    return { name: 'update', graph };
  }

  /** Evaluation, first part: features of a slice, by the running statistics and without dropout. */
  evaluateFeatures(batch: number, slice: number): ProgramSource {
    const { graph, inputs, build } = this.start(slice, 'running', 0);
    // lambda is 1 here, so the partner does not matter.
    const partner = graph.buffer('zeros', [slice], 'u32');
    const first = graph.buffer('zeros', [1], 'u32');
    const x = normaliseAndMix(inputs.images, partner, inputs.lambda, first, {
      batch: slice,
      mean: MEAN,
      std: STD,
    });
    storeRows(libBank(x, this.config.net, build), inputs.rows, this.featureBuffer(graph, 'features', batch));
    return { name: `evaluate ${slice}/${batch}`, graph };
  }

  /** Evaluation, second part: heads and losses on the gathered features of one --test_bs, so that memory never changes a loss. */
  evaluateHeads(batch: number): ProgramSource {
    const { graph, inputs, build } = this.start(batch, 'running', 0);
    this.objective(this.featureBuffer(graph, 'features', batch), inputs, build);
    return { name: `evaluate heads ${batch}`, graph };
  }

  private start(
    batch: number,
    norm: NormMode,
    dropout: number,
  ): { graph: Graph; inputs: StepInputs; build: Build } {
    const graph = new Graph();
    const inputs = stepInputs(graph, batch, this.config.size);
    const { clock, rows } = inputs;
    return { graph, inputs, build: { graph, table: this.table, norm, dropout, clock, rows } };
  }

  private backward(graph: Graph, append: () => void): void {
    const forward = graph.nodes.length;
    append();
    if (this.config.recompute) recompute(graph, forward);
  }

  private mixed({ images, permutation, lambda, rows }: StepInputs, batch: number): Tensor {
    return normaliseAndMix(images, permutation, lambda, rows, { batch, mean: MEAN, std: STD });
  }

  private featureBuffer(graph: Graph, name: string, batch: number): Tensor {
    return graph.buffer(name, [batch, this.config.net.libs * featureSize(this.config.net.model)]);
  }

  /** Heads, losses and their record; the logits z go to the epoch's scores. */
  private objective(Z: Tensor, inputs: StepInputs, build: Build): Tensor {
    const { graph } = build;
    const out = heads(Z, this.config.net, build);
    const terms = lossTerms(out, inputs.labels, inputs, this.config.loss);
    const weights = taskWeights(this.table, graph, this.config.loss);
    const total = balance(terms, this.config.loss, weights);
    const ring = graph.buffer('ring', [RING_ROWS, RECORD_COLUMNS]);
    recordLosses({ total, ...terms }, weights, ring, inputs.slot, inputs.flag);
    storeRows(out.z, inputs.scoreRow, graph.buffer('scores', [this.samples, 2]));
    return total;
  }
}

/** The learned w_k, initially 1, over the list [CE, GIL if on, LIL if on]; undefined for other balances. */
export function taskWeights(
  table: ParameterTable,
  graph: Graph,
  { method, gil, lil }: LossConfig,
): Tensor | undefined {
  if (method !== 'auto') return undefined;
  const shape = [1 + (gil ? 1 : 0) + (lil ? 1 : 0)];
  const init = { kind: 'constant', value: 1 } as const;
  return table.tensor(
    graph,
    table.declare('task_weights', undefined, { shape, layout: 'vector', init, home: 'tasks' }),
  );
}
