import {
  type Call,
  type Case,
  f32,
  linearGrid,
  need,
  op,
  type Pass,
  trafficOf,
  type Variant,
} from '../engine/op.js';
import { type Meta, ShapeError, sizeOf, type Tensor } from '../engine/tensor.js';
import { applyPass, batchNormApplyOp, caseInputs, caseName, normalise } from './batch-norm-apply.js';
import { type Activation, batchNormGradient } from './batch-norm-gradient.js';
import { blocksFor, columnwise, matrixOf, widthFor } from './blocks.js';
import { columnVariants, type Layout } from './column-sums.js';

type TrainAttributes = {
  readonly epsilon: number;
  readonly momentum: number;
  readonly activation: Activation;
};
type EvalAttributes = { readonly epsilon: number; readonly activation: Activation };

const INPUTS = ['x', 'weight', 'bias', 'mean', 'variance', 'residual'] as const;

export const batchNormTrainOp = op<TrainAttributes>({
  name: 'batch_norm_train',
  doc: 'y = act((x - mean) / sqrt(var + eps) * weight + bias + residual), moments of the batch (Ioffe, Szegedy 2015)',
  inputs: INPUTS,
  outputs: ['y', 'batch_mean', 'batch_rstd'],
  mutates: ['mean', 'variance'],
  shape: (inputs, { activation }) => {
    const { rows, channels } = checked('batchNormTrain', inputs, activation);
    if (rows < 2)
      throw new ShapeError(
        `batchNormTrain: one value per channel has no variance, got x [${need(inputs, 0).shape}]; use a batch of two or more`,
      );
    return [f32(...need(inputs, 0).shape), f32(channels), f32(channels)];
  },
  variants: columnVariants(wholePass, train),
  gradient: ({ inputs: [x, weight, bias, , , residual], outputs, dys: [dy], attrs, into }) => {
    const [y, mean, rstd] = outputs;
    const { activation } = attrs;
    const call = { x, y, dy, weight, bias, mean, rstd, residual, activation, frozen: false };
    const { dx, dweight, dbias, dresidual } = batchNormGradient(call, into);
    return [dx, dweight, dbias, undefined, undefined, dresidual];
  },
  again: ({ inputs: [x, weight, bias, , , residual], outputs: [, mean, rstd], attrs: { activation } }) =>
    residual ? undefined : batchNormApplyOp.call([x, weight, bias, mean, rstd], { activation })[0],
  reference: ([x, weight, bias, mean, variance, residual], { inputs, attrs }) => {
    const { rows, channels } = matrixOf(need(inputs, 0).shape);
    const of = (f: (c: number) => number): Float64Array =>
      Float64Array.from({ length: channels }, (_, c) => f(c));
    const over = (c: number, f: (value: number) => number): number => {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += f(x![row * channels + c]!);
      return sum / rows;
    };
    const batchMean = of((c) => over(c, (value) => value));
    const batchVariance = of((c) => over(c, (value) => (value - batchMean[c]!) ** 2));
    const rstd = batchVariance.map((value) => 1 / Math.sqrt(value + attrs.epsilon));
    const y = normalise({ x, weight, bias, mean: batchMean, rstd, residual }, attrs.activation);
    if (!inputs[3]) return [y, batchMean, rstd];
    const unbiased = rows / (rows - 1);
    return [
      y,
      batchMean,
      rstd,
      mean!.map((value, c) => value + attrs.momentum * (batchMean[c]! - value)),
      variance!.map((value, c) => value + attrs.momentum * (batchVariance[c]! * unbiased - value)),
    ];
  },
  cost: ({ inputs, outputs }) => {
    const [x, y] = [need(inputs, 0), outputs[0]];
    return { flops: 8 * sizeOf(x.shape), bytes: trafficOf([x, x, inputs[5], y]) };
  },
  cases: [
    trainCase([2, 1], 'none'),
    trainCase([5, 3], 'relu'),
    trainCase([3, 5, 7, 12], 'swish'),
    trainCase([2, 5, 3, 7], 'relu', true),
    trainCase([2, 9, 11, 8], 'relu', true),
    trainCase([37, 20], 'none', true),
    trainCase([3, 17, 19, 4], 'none'),
    trainCase([4, 1000], 'relu'),
    trainCase([3, 5, 7, 44], 'swish'),
    trainCase([2, 3, 5, 37], 'none'),
    trainCase([13, 3, 84], 'relu', true),
    withoutStatistics(trainCase([5, 6], 'none')),
  ],
  benchmarks: [
    trainCase([4, 56, 56, 256], 'relu'),
    trainCase([4, 56, 56, 256], 'relu', true),
    trainCase([8, 4, 4, 1024], 'relu'),
  ],
  tolerance: 2e-5,
});

export const batchNormEvalOp = op<EvalAttributes>({
  name: 'batch_norm_eval',
  doc: 'y = act((x - mean) / sqrt(variance + eps) * weight + bias + residual), running statistics',
  inputs: INPUTS,
  outputs: ['y', 'rstd'],
  shape: (inputs, { activation }) => {
    const { channels } = checked('batchNormEval', inputs, activation);
    return [f32(...need(inputs, 0).shape), f32(channels)];
  },
  variants: {
    rows: {
      passes: (call) => {
        const matrix = matrixOf(need(call.inputs, 0).shape);
        const { channels } = matrix;
        const params = { channels, epsilon: call.attrs.epsilon };
        return [
          { shader: 'batch-norm-rstd', params, grid: linearGrid(channels, 256) },
          applyPass(call, blocksFor(matrix, widthFor(channels), call), {}),
        ];
      },
    },
  },
  gradient: ({ inputs: [x, weight, bias, mean, , residual], outputs: [y, rstd], dys: [dy], attrs, into }) => {
    const { activation } = attrs;
    const call = { x, y, dy, weight, bias, mean, rstd, residual, activation, frozen: true };
    const { dx, dweight, dbias, dresidual } = batchNormGradient(call, into);
    return [dx, dweight, dbias, undefined, undefined, dresidual];
  },
  reference: ([x, weight, bias, mean, variance, residual], { attrs }) => {
    const rstd = variance!.map((value) => 1 / Math.sqrt(value + attrs.epsilon));
    return [normalise({ x, weight, bias, mean, rstd, residual }, attrs.activation), rstd];
  },
  cost: ({ inputs, outputs }) => ({
    flops: 4 * sizeOf(need(inputs, 0).shape),
    bytes: trafficOf([inputs[0], inputs[5], outputs[0]]),
  }),
  cases: [
    evalCase([1, 1], 'none'),
    evalCase([3, 5, 7, 2], 'relu'),
    evalCase([2, 3, 5, 8], 'swish'),
    evalCase([2, 7, 5, 12], 'relu', true),
    evalCase([7, 5], 'none', true),
  ],
  benchmarks: [evalCase([4, 56, 56, 256], 'relu')],
});

function checked(name: string, inputs: readonly (Meta | undefined)[], activation: Activation) {
  const x = need(inputs, 0);
  const { rows, channels } = matrixOf(x.shape);
  if (rows === 0 || channels === 0)
    throw new ShapeError(`${name}: wants at least one value, got x [${x.shape}]`);
  for (const i of [1, 2, 3, 4]) {
    const input = inputs[i];
    if (input && `${input.shape}` !== `${channels}`)
      throw new ShapeError(
        `${name}: ${INPUTS[i]} wants [${channels}], one value per channel of x, got [${input.shape}]`,
      );
  }
  const residual = inputs[5];
  if (residual && `${residual.shape}` !== `${x.shape}`)
    throw new ShapeError(`${name}: the residual wants the shape of x [${x.shape}], got [${residual.shape}]`);
  if (residual && activation === 'swish')
    throw new ShapeError(`${name}: a residual goes with 'none' or 'relu', not 'swish'; add it afterwards`);
  return { rows, channels };
}

/** All of it at once. */
function wholePass(call: Call<TrainAttributes>): Pass {
  const { epsilon, momentum, activation } = call.attrs;
  const { constants, params, grid } = columnwise(matrixOf(need(call.inputs, 0).shape), call);
  return {
    shader: 'batch-norm-columns',
    constants: {
      ...constants,
      RELU: activation === 'relu',
      SWISH: activation === 'swish',
      RECORD: call.inputs[3] !== undefined,
      RESIDUAL: call.inputs[5] !== undefined,
    },
    params: { ...params, epsilon, momentum },
    grid,
  };
}

/** Moments of chunks, what they make together, and the normalisation. */
function train(layout: Layout): Variant<TrainAttributes> {
  const split = (call: Call<TrainAttributes>) => layout(matrixOf(need(call.inputs, 0).shape), call);
  return {
    scratch: (call) => ({ sums: 3 * split(call).chunks * need(call.outputs, 1).shape[0]! }),
    passes: (call) => {
      const { blocks, tile, params, grid, chunks } = split(call);
      const { rows, channels } = matrixOf(need(call.inputs, 0).shape);
      const { epsilon, momentum } = call.attrs;
      const record = call.inputs[3] !== undefined;
      return [
        { shader: 'batch-norm-moments', constants: { ...blocks, TILE: tile, SHIFTED: true }, params, grid },
        {
          shader: 'batch-norm-statistics',
          constants: { RECORD: record, SERIAL: call.capabilities.software },
          params: { rows, channels, chunk: params.chunk, chunks, epsilon, momentum },
          grid: [Math.ceil(channels / 16), 1, 1],
        },
        applyPass(call, blocks, { mean: 'batch_mean', rstd: 'batch_rstd' }),
      ];
    },
  };
}

function trainCase(
  shape: readonly number[],
  activation: Activation,
  residual = false,
): Case<TrainAttributes> {
  const attrs = { epsilon: 1e-3, momentum: 0.1, activation };
  // Of two values the normalised ones are +1 and -1 whatever they were: dx is all cancellation.
  const gradients = [...(matrixOf(shape).rows > 2 ? [0] : []), 1, 2, ...(residual ? [5] : [])];
  return {
    name: caseName(shape, activation, residual),
    inputs: caseInputs(shape, residual),
    attrs,
    gradients,
  };
}

function withoutStatistics(sample: Case<TrainAttributes>): Case<TrainAttributes> {
  const inputs = sample.inputs.map((input, i) => (i === 3 || i === 4 ? undefined : input));
  return { ...sample, name: `${sample.name} unrecorded`, inputs };
}

function evalCase(shape: readonly number[], activation: Activation, residual = false): Case<EvalAttributes> {
  const attrs = { epsilon: 1e-3, activation };
  const gradients = [0, 1, 2, ...(residual ? [5] : [])];
  return {
    name: caseName(shape, activation, residual),
    inputs: caseInputs(shape, residual),
    attrs,
    gradients,
  };
}

/** A layer's tensors, [C] each. */
export interface BatchNormTensors {
  readonly weight: Tensor;
  readonly bias: Tensor;
  /** Running statistics. Absent in training: the batch leaves no trace in them, as when a slice is computed again. */
  readonly mean?: Tensor | undefined;
  readonly variance?: Tensor | undefined;
}

export interface BatchNormOptions {
  readonly epsilon: number;
  /** running = (1 - momentum) * running + momentum * batch. */
  readonly momentum: number;
  readonly activation: Activation;
}

/**
 * y = act(bn(x) + residual) over the last dimension of x, by the batch's mean and biased variance; moves the running statistics
 * (unbiased variance). The activation after a residual is 'none' or 'relu'.
 * @throws ShapeError with fewer than two values per channel
 */
export function batchNormTrain(
  x: Tensor,
  { weight, bias, mean, variance }: BatchNormTensors,
  { epsilon, momentum, activation }: BatchNormOptions,
  residual?: Tensor,
): Tensor {
  const inputs = [x, weight, bias, mean, variance, residual];
  return batchNormTrainOp.call(inputs, { epsilon, momentum, activation })[0]!;
}

/** y = act(bn(x) + residual) by the running statistics. */
export function batchNormEval(
  x: Tensor,
  { weight, bias, mean, variance }: Required<BatchNormTensors>,
  { epsilon, activation }: BatchNormOptions,
  residual?: Tensor,
): Tensor {
  return batchNormEvalOp.call([x, weight, bias, mean, variance, residual], { epsilon, activation })[0]!;
}
