import {
  type Call,
  type CaseInput,
  f32,
  need,
  op,
  type Pass,
  trafficOf,
  type Variant,
} from '../engine/op.js';
import { type Destination, sizeOf, type Tensor } from '../engine/tensor.js';
import { columnwise, elementwise, matrixOf } from './blocks.js';
import { columnVariants, type Layout } from './column-sums.js';

/** What follows the normalisation in the same pass. */
export type Activation = 'none' | 'relu' | 'swish';

/** `frozen`: mean and rstd are constants (evaluation), not functions of x. */
type Attributes = { readonly activation: Activation; readonly frozen: boolean };

/**
 * With g = dy * act'(...) and xhat = (x - mean) * rstd over P rows:
 * dbias = sum g, dweight = sum g*xhat, dx = weight * rstd * (g - (dbias + xhat * dweight) / P), dresidual = g.
 * `y` is given when the activation came after a residual: it tells the sign, and only then is there a dresidual to compute.
 */
export const batchNormGradientOp = op<Attributes>({
  name: 'batch_norm_gradient',
  doc: 'dx, dweight, dbias (and dresidual) of batch norm followed by an activation',
  inputs: ['x', 'y', 'dy', 'weight', 'bias', 'batch_mean', 'batch_rstd'],
  outputs: ['dx', 'dweight', 'dbias', 'dresidual'],
  accumulates: ['dweight', 'dbias'],
  shape: (inputs) => {
    const { shape } = need(inputs, 0);
    const { channels } = matrixOf(shape);
    const metas = [f32(...shape), f32(channels), f32(channels)];
    return inputs[1] ? [...metas, f32(...shape)] : metas;
  },
  variants: columnVariants(wholePass, variant),
  reference: ([x, y, dy, weight, bias, mean, rstd], { inputs, attrs }) => {
    const { rows, channels } = matrixOf(need(inputs, 0).shape);
    const normal = x!.map((value, i) => (value - mean![i % channels]!) * rstd![i % channels]!);
    const g = dy!.map((value, i) => {
      if (inputs[1]) return y![i]! > 0 ? value : 0;
      return value * slope(normal[i]! * weight![i % channels]! + bias![i % channels]!, attrs.activation);
    });
    const dbias = new Float64Array(channels);
    const dweight = new Float64Array(channels);
    g.forEach((value, i) => {
      dbias[i % channels]! += value;
      dweight[i % channels]! += value * normal[i]!;
    });
    const share = attrs.frozen ? 0 : 1 / rows;
    const dx = g.map((value, i) => {
      const c = i % channels;
      return weight![c]! * rstd![c]! * (value - share * (dbias[c]! + normal[i]! * dweight[c]!));
    });
    return inputs[1] ? [dx, dweight, dbias, g] : [dx, dweight, dbias];
  },
  cost: ({ inputs, outputs }) => {
    const [x, y, dy] = inputs;
    return { flops: 12 * sizeOf(need(inputs, 0).shape), bytes: trafficOf([x, y, dy, x, dy, ...outputs]) };
  },
  cases: [
    gradientCase([3, 1], 'none'),
    gradientCase([2, 3, 5, 7], 'relu'),
    gradientCase([2, 9, 11, 8], 'swish'),
    gradientCase([2, 9, 11, 12], 'relu', true),
    gradientCase([5, 13], 'relu', true),
    gradientCase([3, 5, 7, 44], 'swish'),
    gradientCase([2, 3, 5, 37], 'none'),
    gradientCase([13, 3, 84], 'relu', true),
    { ...gradientCase([6, 20], 'relu'), name: '6,20 frozen', attrs: { activation: 'relu', frozen: true } },
    { ...gradientCase([6, 40], 'relu'), name: '6,40 frozen', attrs: { activation: 'relu', frozen: true } },
  ],
  benchmarks: [
    gradientCase([4, 56, 56, 256], 'relu'),
    gradientCase([4, 56, 56, 256], 'relu', true),
    gradientCase([8, 4, 4, 1024], 'relu'),
  ],
  tolerance: 2e-5,
});

/** All of it at once. */
function wholePass(call: Call<Attributes>): Pass {
  const matrix = matrixOf(need(call.inputs, 0).shape);
  const { activation, frozen } = call.attrs;
  const residual = call.inputs[1] !== undefined;
  const { constants, params, grid } = columnwise(matrix, call);
  return {
    shader: 'batch-norm-gradient-columns',
    constants: {
      ...constants,
      RELU: activation === 'relu' && !residual,
      SWISH: activation === 'swish',
      RESIDUAL: residual,
    },
    params: {
      ...params,
      share: frozen ? 0 : 1 / matrix.rows,
      add_weight: Number(call.accumulate[1]),
      add_bias: Number(call.accumulate[2]),
    },
    grid,
  };
}

/** Split sums over the rows, their totals (to the gradient buffer, and to a scratch of their own), then dx. */
function variant(layout: Layout): Variant<Attributes> {
  const split = (call: Call<Attributes>) => layout(matrixOf(need(call.inputs, 0).shape), call);
  return {
    scratch: (call) => {
      const channels = need(call.outputs, 1).shape[0]!;
      return { sums: 2 * split(call).chunks * channels, totals: 2 * channels };
    },
    passes: (call): Pass[] => {
      const { blocks, tile, params, grid, chunks } = split(call);
      const matrix = matrixOf(need(call.inputs, 0).shape);
      const { rows, channels } = matrix;
      const residual = call.inputs[1] !== undefined;
      const { activation, frozen } = call.attrs;
      const act = { RELU: activation === 'relu' && !residual, SWISH: activation === 'swish' };
      const { constants, ...shares } = elementwise(matrix, blocks);
      return [
        {
          shader: 'batch-norm-gradient-sums',
          constants: { ...blocks, ...act, TILE: tile, RESIDUAL: residual },
          params,
          grid,
        },
        {
          shader: 'batch-norm-gradient-totals',
          constants: { SERIAL: call.capabilities.software },
          params: {
            channels,
            chunks,
            add_weight: Number(call.accumulate[1]),
            add_bias: Number(call.accumulate[2]),
          },
          grid: [Math.ceil(channels / 16), 1, 1],
        },
        {
          shader: 'batch-norm-gradient',
          constants: { ...constants, ...act },
          params: { ...shares.params, share: frozen ? 0 : 1 / rows },
          grid: shares.grid,
          bind: residual ? { dy: 'dresidual' } : {},
        },
      ];
    },
  };
}

interface GradientInputs extends Attributes {
  readonly x: Tensor | undefined;
  readonly y: Tensor | undefined;
  readonly dy: Tensor | undefined;
  readonly weight: Tensor | undefined;
  readonly bias: Tensor | undefined;
  readonly mean: Tensor | undefined;
  readonly rstd: Tensor | undefined;
  readonly residual: Tensor | undefined;
}

/** Gradients of a batch norm's x, weight, bias and residual; `into` as in a gradient rule, where input 1 is weight and 2 bias. */
export function batchNormGradient(
  { x, y, dy, weight, bias, mean, rstd, residual, activation, frozen }: GradientInputs,
  into: (i: number) => Destination | undefined,
): Record<'dx' | 'dweight' | 'dbias' | 'dresidual', Tensor | undefined> {
  const masked = residual && activation === 'relu' ? y : undefined;
  const inputs = [x, masked, dy, weight, bias, mean, rstd];
  const places = [undefined, into(1), into(2)];
  const [dx, dweight, dbias, g] = batchNormGradientOp.call(inputs, { activation, frozen }, places);
  return { dx, dweight, dbias, dresidual: residual && (g ?? dy) };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

export function activate(x: number, activation: Activation): number {
  if (activation === 'relu') return Math.max(x, 0);
  return activation === 'swish' ? x * sigmoid(x) : x;
}

function slope(x: number, activation: Activation): number {
  if (activation === 'relu') return x > 0 ? 1 : 0;
  return activation === 'swish' ? sigmoid(x) * (1 + x * (1 - sigmoid(x))) : 1;
}

function gradientCase(shape: readonly number[], activation: Activation, residual = false) {
  const x: CaseInput = { shape };
  const channel: CaseInput = { shape: [shape.at(-1)!] };
  const scale: CaseInput = { ...channel, low: 0.5, high: 2 };
  const inputs = [x, residual ? { shape, awayFromZero: 0.01 } : undefined, x, scale, channel, channel, scale];
  const attrs: Attributes = { activation, frozen: false };
  return { name: `${shape} ${activation}${residual ? ' residual' : ''}`, inputs, attrs };
}
