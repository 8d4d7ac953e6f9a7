import { f32, op } from '../engine/op.js';
import type { Meta, Tensor } from '../engine/tensor.js';
import { demand, is } from './demand.js';

type ScaleAttributes = { readonly scales: readonly number[] };

/** How many of the up to three losses [1] there are; they come first to last without a hole. */
export function countLosses(name: string, losses: readonly (Meta | undefined)[]): number {
  const count = losses.findIndex((loss) => !loss);
  const present = losses.slice(0, count < 0 ? losses.length : count);
  demand(
    present.length > 0 && present.length <= 3 && present.every((loss) => is(loss, [1])),
    name,
    'one to three losses [1]',
    losses,
  );
  return present.length;
}

const params = ({ scales }: ScaleAttributes): Record<string, number> => ({
  scale0: scales[0] ?? 0,
  scale1: scales[1] ?? 0,
  scale2: scales[2] ?? 0,
});

const CASES = [[0.75], [1, 2], [1, 2, 10]];

export const weightedSumOp = op<ScaleAttributes>({
  name: 'weighted_sum',
  doc: 'total = sum_k scale_k * L_k (METHOD 3, balance `hyper`)',
  inputs: ['loss0', 'loss1', 'loss2'],
  outputs: ['total'],
  shape: (inputs, { scales }) => {
    const count = countLosses('weightedSum', inputs);
    demand(scales.length === count, 'weightedSum', `one scale for each of ${count} losses`, [
      f32(scales.length),
    ]);
    return [f32(1)];
  },
  variants: {
    naive: {
      passes: ({ attrs }) => {
        const constants = { COUNT: attrs.scales.length };
        return [{ shader: 'weighted-sum', constants, params: params(attrs), grid: [1, 1, 1] }];
      },
    },
  },
  gradient: ({ dys: [dy], attrs }) => weightedSumGradientOp.call([dy], attrs),
  reference: (losses, { attrs: { scales } }) => [
    Float64Array.of(scales.reduce((sum, scale, k) => sum + scale * losses[k]![0]!, 0)),
  ],
  cost: ({ attrs: { scales } }) => ({ flops: 2 * scales.length, bytes: 4 * scales.length + 4 }),
  cases: CASES.map((scales) => ({
    name: `${scales}`,
    inputs: scales.map(() => ({ shape: [1] })),
    attrs: { scales },
  })),
});

export const weightedSumGradientOp = op<ScaleAttributes>({
  name: 'weighted_sum_gradient',
  doc: 'dL_k = scale_k * dy',
  inputs: ['dy'],
  outputs: ['dloss0', 'dloss1', 'dloss2'],
  shape: (_, { scales }) => scales.map(() => f32(1)),
  variants: {
    naive: {
      passes: ({ attrs }) => {
        const constants = { COUNT: attrs.scales.length };
        return [{ shader: 'weighted-sum-gradient', constants, params: params(attrs), grid: [1, 1, 1] }];
      },
    },
  },
  reference: ([dy], { attrs: { scales } }) => scales.map((scale) => Float64Array.of(scale * dy![0]!)),
  cost: ({ attrs: { scales } }) => ({ flops: scales.length, bytes: 4 * scales.length + 4 }),
  cases: CASES.map((scales) => ({ name: `${scales}`, inputs: [{ shape: [1] }], attrs: { scales } })),
});

/** sum_k scales[k] * losses[k] of one to three losses [1]. */
export const weightedSum = (losses: readonly Tensor[], scales: readonly number[]): Tensor =>
  weightedSumOp.call(losses, { scales })[0]!;
