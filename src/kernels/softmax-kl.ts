import { f32, linearGrid, type Metas, need, op, trafficOf } from '../engine/op.js';
import { type Meta, sizeOf, type Tensor } from '../engine/tensor.js';
import { demand, is } from './demand.js';
import { logSoftmaxRows, rowsOf, type TemperatureAttributes } from './softmax.js';
import { bothWays, subgroupOf } from './subgroup-sums.js';

type GradientAttributes = TemperatureAttributes & { readonly of: 'a' | 'b' };

function check([a, b]: readonly (Meta | undefined)[], temperature: number): void {
  const fits = a?.shape.length === 2 && is(b, a.shape) && temperature > 0;
  demand(fits, 'softmaxKl', 'logits a and b of one shape [B, K] and a temperature above 0', [a, b]);
}

const cost = ({ inputs, outputs }: Metas<TemperatureAttributes>): { flops: number; bytes: number } => ({
  flops: 16 * sizeOf(need(inputs, 0).shape),
  bytes: trafficOf([...inputs, ...outputs]),
});

const CASES = [
  { shape: [1, 2], temperature: 1 },
  { shape: [67, 2], temperature: 1.5 },
  { shape: [5, 7], temperature: 0.5 },
  { shape: [1031, 2], temperature: 1.5 },
].map(({ shape, temperature }) => ({
  name: `${shape} T=${temperature}`,
  inputs: [
    { shape, low: -3, high: 3 },
    { shape, low: -3, high: 3 },
  ],
  attrs: { temperature },
}));

export const softmaxKlOp = op<TemperatureAttributes>({
  name: 'softmax_kl',
  doc: 'D(a, b) = mean over all B*K elements of p_b * (log p_b - log p_a), p = softmax(x / T) (METHOD 3)',
  inputs: ['a', 'b'],
  outputs: ['loss'],
  shape: (inputs, { temperature }) => {
    check(inputs, temperature);
    return [f32(1)];
  },
  variants: bothWays<TemperatureAttributes>((way) => ({
    passes: ({ inputs, attrs: { temperature }, capabilities }) => {
      const params = { ...rowsOf(need(inputs, 0)), temperature };
      return [{ shader: 'softmax-kl', constants: subgroupOf(way, capabilities), params, grid: [1, 1, 1] }];
    },
  })),
  gradient: ({ inputs: [a, b], dys: [dy], attrs, wants, into }) =>
    (['a', 'b'] as const).map((of, i) =>
      wants(i) ? softmaxKlGradientOp.call([a, b, dy], { ...attrs, of }, [into(i)])[0] : undefined,
    ),
  reference: ([a, b], { inputs, attrs: { temperature } }) => {
    const { classes } = rowsOf(need(inputs, 0));
    const logA = logSoftmaxRows(a!, classes, temperature);
    const logB = logSoftmaxRows(b!, classes, temperature);
    const sum = logB.reduce((total, log, i) => total + Math.exp(log) * (log - logA[i]!), 0);
    return [Float64Array.of(sum / a!.length)];
  },
  cost,
  cases: CASES,
});

export const softmaxKlGradientOp = op<GradientAttributes>({
  name: 'softmax_kl_gradient',
  doc: 'da = dy / (N T) * (p_a - p_b); db = dy / (N T) * p_b * (r - sum p_b r), r = log p_b - log p_a, N = B*K',
  inputs: ['a', 'b', 'dy'],
  outputs: ['dx'],
  accumulates: ['dx'],
  shape: (inputs, { temperature }) => {
    check(inputs, temperature);
    return [f32(...need(inputs, 0).shape)];
  },
  variants: {
    naive: {
      passes: ({ inputs, attrs: { temperature, of }, accumulate }) => {
        const params = { ...rowsOf(need(inputs, 0)), temperature };
        const constants = { OF_A: of === 'a', ACCUMULATE: accumulate[0] ?? false };
        return [{ shader: 'softmax-kl-gradient', constants, params, grid: linearGrid(params.rows, 64) }];
      },
    },
  },
  reference: ([a, b, dy], { inputs, attrs: { temperature, of } }) => {
    const { classes } = rowsOf(need(inputs, 0));
    const logA = logSoftmaxRows(a!, classes, temperature);
    const logB = logSoftmaxRows(b!, classes, temperature);
    const scale = dy![0]! / (a!.length * temperature);
    if (of === 'a') return [logA.map((log, i) => scale * (Math.exp(log) - Math.exp(logB[i]!)))];
    const ratio = logB.map((log, i) => log - logA[i]!);
    return [
      logB.map((log, i) => {
        let mean = 0;
        const first = i - (i % classes);
        for (let k = first; k < first + classes; k++) mean += Math.exp(logB[k]!) * ratio[k]!;
        return scale * Math.exp(log) * (ratio[i]! - mean);
      }),
    ];
  },
  cost,
  cases: CASES.flatMap((sample) =>
    (['a', 'b'] as const).map((of) => ({
      name: `${sample.name} d${of}`,
      inputs: [...sample.inputs, { shape: [1] }],
      attrs: { ...sample.attrs, of },
    })),
  ),
});

/**
 * Kullback-Leibler divergence of the posteriors of two sets of logits [B, K], as [1]: the mean over all B*K elements (not over rows,
 * and without a factor T^2) of p_b * (log p_b - log p_a), p = softmax(x / T).
 */
export const softmaxKl = (a: Tensor, b: Tensor, attrs: TemperatureAttributes): Tensor =>
  softmaxKlOp.call([a, b], attrs)[0]!;
