import { f32, need, op } from '../engine/op.js';
import { type Meta, sizeOf, type Tensor } from '../engine/tensor.js';
import { demand } from './demand.js';
import { countLosses } from './weighted-sum.js';

/** Checks [weights, loss0..2] and counts the losses. */
function count(inputs: readonly (Meta | undefined)[]): number {
  const losses = countLosses('automaticWeightedLoss', inputs.slice(1, 4));
  demand(
    inputs[0]?.shape.length === 1 && sizeOf(inputs[0].shape) === losses,
    'automaticWeightedLoss',
    `weights [${losses}] for ${losses} losses`,
    inputs.slice(0, 1),
  );
  return losses;
}

const cost = ({ inputs }: { inputs: readonly (Meta | undefined)[] }): { flops: number; bytes: number } => {
  const losses = sizeOf(need(inputs, 0).shape);
  return { flops: 12 * losses, bytes: 12 * losses };
};

const CASES = [1, 2, 3].map((losses) => ({
  name: `${losses}`,
  inputs: [
    { shape: [losses], low: 0.4, high: 1.6 },
    ...Array.from({ length: losses }, () => ({ shape: [1], low: 0.1, high: 3 })),
  ],
  attrs: {},
}));

export const automaticWeightedLossOp = op({
  name: 'automatic_weighted_loss',
  doc: 'total = sum_k 0.5 / w_k^2 * L_k + log(1 + w_k^2), learned w_k (METHOD 3, balance `auto`)',
  inputs: ['weights', 'loss0', 'loss1', 'loss2'],
  outputs: ['total'],
  shape: (inputs) => {
    count(inputs);
    return [f32(1)];
  },
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const constants = { COUNT: count(inputs) };
        return [{ shader: 'automatic-weighted-loss', constants, params: {}, grid: [1, 1, 1] }];
      },
    },
  },
  gradient: ({ inputs, dys: [dy], wants, into }) => {
    const [weights, ...losses] = [0, 1, 2, 3].map((i) => inputs[i]);
    const dweights = wants(0)
      ? automaticWeightedLossGradientOp.call([weights, ...losses, dy], {}, [into(0)])[0]
      : undefined;
    return [dweights, ...automaticWeightedLossFactorsOp.call([weights, dy], {})];
  },
  reference: ([weights, ...losses]) => [
    Float64Array.of(
      weights!.reduce((sum, w, k) => sum + (0.5 / w ** 2) * losses[k]![0]! + Math.log(1 + w ** 2), 0),
    ),
  ],
  cost,
  cases: CASES,
});

export const automaticWeightedLossGradientOp = op({
  name: 'automatic_weighted_loss_gradient',
  doc: 'dw_k = dy * (2 w_k / (1 + w_k^2) - L_k / w_k^3)',
  inputs: ['weights', 'loss0', 'loss1', 'loss2', 'dy'],
  outputs: ['dweights'],
  accumulates: ['dweights'],
  shape: (inputs) => [f32(count(inputs))],
  variants: {
    naive: {
      passes: ({ inputs, accumulate }) => {
        const constants = { COUNT: count(inputs), ACCUMULATE: accumulate[0] ?? false };
        return [{ shader: 'automatic-weighted-loss-gradient', constants, params: {}, grid: [1, 1, 1] }];
      },
    },
  },
  reference: ([weights, ...rest]) => {
    const dy = rest[3]![0]!;
    return [weights!.map((w, k) => dy * ((2 * w) / (1 + w ** 2) - rest[k]![0]! / w ** 3))];
  },
  cost,
  cases: CASES.map(({ name, inputs }) => ({
    name,
    inputs: [...[0, 1, 2, 3].map((i) => inputs[i]), { shape: [1] }],
    attrs: {},
  })),
});

export const automaticWeightedLossFactorsOp = op({
  name: 'automatic_weighted_loss_factors',
  doc: 'dL_k = dy * 0.5 / w_k^2',
  inputs: ['weights', 'dy'],
  outputs: ['dloss0', 'dloss1', 'dloss2'],
  shape: (inputs) => Array.from({ length: sizeOf(need(inputs, 0).shape) }, () => f32(1)),
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const constants = { COUNT: sizeOf(need(inputs, 0).shape) };
        return [{ shader: 'automatic-weighted-loss-factors', constants, params: {}, grid: [1, 1, 1] }];
      },
    },
  },
  reference: ([weights, dy]) => Array.from(weights!, (w) => Float64Array.of((dy![0]! * 0.5) / w ** 2)),
  cost,
  cases: CASES.map(({ name, inputs }) => ({ name, inputs: [inputs[0], { shape: [1] }], attrs: {} })),
});

/** sum_k 0.5 / w_k^2 * losses[k] + log(1 + w_k^2) with learned weights [K], one for each of K = 1..3 losses [1]. */
export const automaticWeightedLoss = (weights: Tensor, losses: readonly Tensor[]): Tensor =>
  automaticWeightedLossOp.call([weights, ...losses], {})[0]!;
