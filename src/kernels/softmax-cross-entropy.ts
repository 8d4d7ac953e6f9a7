import { f32, linearGrid, type Metas, need, op, trafficOf } from '../engine/op.js';
import { type Meta, sizeOf, type Tensor } from '../engine/tensor.js';
import { demand, is } from './demand.js';
import { logSoftmaxRows, rowsOf } from './softmax.js';
import { bothWays, subgroupOf } from './subgroup-sums.js';

const isMixed = (inputs: readonly (Meta | undefined)[]): boolean => inputs[3] !== undefined;

function check(inputs: readonly (Meta | undefined)[]): void {
  const [logits, labels, permutation, lambda] = inputs;
  const rows = logits?.shape[0] ?? 0;
  const mixup = isMixed(inputs)
    ? is(permutation, [rows], 'u32') && is(lambda, [1])
    : permutation === undefined;
  demand(
    logits?.shape.length === 2 && is(labels, [rows], 'u32') && mixup,
    'softmaxCrossEntropy',
    'logits [B, K], labels u32 [B], and for mixup permutation u32 [B] and lambda [1]',
    [logits, labels, permutation, lambda],
  );
}

/** What share of each row's target each class has: one label, or two mixed by lambda. */
function targets(values: readonly Float64Array[], rows: number, classes: number): Float64Array {
  const [, labels, permutation, lambda] = values;
  const share = lambda?.length ? lambda[0]! : 1;
  const target = new Float64Array(rows * classes);
  for (let row = 0; row < rows; row++) {
    target[row * classes + labels![row]!]! += share;
    if (permutation?.length) target[row * classes + labels![permutation[row]!]!]! += 1 - share;
  }
  return target;
}

const cost = ({ inputs, outputs }: Metas): { flops: number; bytes: number } => ({
  flops: 8 * sizeOf(need(inputs, 0).shape),
  bytes: trafficOf([...inputs, ...outputs]),
});

const CASES = [
  { rows: 1, classes: 2, mixed: false },
  { rows: 67, classes: 2, mixed: true },
  { rows: 5, classes: 7, mixed: true },
  { rows: 1031, classes: 2, mixed: false },
].map(({ rows, classes, mixed }) => ({
  name: `${rows},${classes}${mixed ? ' mixed' : ''}`,
  inputs: [
    { shape: [rows, classes], low: -3, high: 3 },
    { shape: [rows], dtype: 'u32' as const, high: classes },
    mixed ? { shape: [rows], dtype: 'u32' as const, high: rows } : undefined,
    mixed ? { shape: [1], values: [0.3125] } : undefined,
  ],
  attrs: {},
  gradients: [0],
}));

export const softmaxCrossEntropyOp = op({
  name: 'softmax_cross_entropy',
  doc: 'loss = mean over rows of lambda * -log softmax(x)[y] + (1 - lambda) * -log softmax(x)[y of the mixup partner]',
  inputs: ['logits', 'labels', 'permutation', 'lambda'],
  outputs: ['loss'],
  shape: (inputs) => {
    check(inputs);
    return [f32(1)];
  },
  variants: bothWays((way) => ({
    passes: ({ inputs, capabilities }) => {
      const constants = { MIXED: isMixed(inputs), ...subgroupOf(way, capabilities) };
      const params = rowsOf(need(inputs, 0));
      return [{ shader: 'softmax-cross-entropy', constants, params, grid: [1, 1, 1] }];
    },
  })),
  gradient: ({ inputs, dys: [dy], wants, into }) =>
    wants(0) ? softmaxCrossEntropyGradientOp.call([...inputs, dy], {}, [into(0)]) : [],
  reference: (values, { inputs }) => {
    const { rows, classes } = rowsOf(need(inputs, 0));
    const target = targets(values, rows, classes);
    const logs = logSoftmaxRows(values[0]!, classes);
    return [Float64Array.of(-logs.reduce((sum, log, i) => sum + target[i]! * log, 0) / rows)];
  },
  cost,
  cases: CASES,
});

export const softmaxCrossEntropyGradientOp = op({
  name: 'softmax_cross_entropy_gradient',
  doc: 'dx = dy / B * (softmax(x) - lambda * onehot(y) - (1 - lambda) * onehot(y of the mixup partner))',
  inputs: ['logits', 'labels', 'permutation', 'lambda', 'dy'],
  outputs: ['dlogits'],
  accumulates: ['dlogits'],
  shape: (inputs) => {
    check(inputs.slice(0, 4));
    return [f32(...need(inputs, 0).shape)];
  },
  variants: {
    naive: {
      passes: ({ inputs, accumulate }) => {
        const params = rowsOf(need(inputs, 0));
        const constants = { MIXED: isMixed(inputs), ACCUMULATE: accumulate[0] ?? false };
        const grid = linearGrid(params.rows, 64);
        return [{ shader: 'softmax-cross-entropy-gradient', constants, params, grid }];
      },
    },
  },
  reference: (values, { inputs }) => {
    const { rows, classes } = rowsOf(need(inputs, 0));
    const target = targets(values, rows, classes);
    const logs = logSoftmaxRows(values[0]!, classes);
    const dy = values[4]![0]!;
    return [logs.map((log, i) => (dy / rows) * (Math.exp(log) - target[i]!))];
  },
  cost,
  cases: CASES.map((sample) => ({ ...sample, inputs: [...sample.inputs, { shape: [1] }] })),
});

/**
 * Cross entropy of softmax(logits [B, K]) with labels u32 [B], averaged over B, as [1]. With mixup (`permutation` u32 [B], `lambda`
 * [1]) it is lambda * CE(y) + (1 - lambda) * CE(y[permutation]); without both, CE(y).
 */
export const softmaxCrossEntropy = (
  logits: Tensor,
  labels: Tensor,
  permutation?: Tensor,
  lambda?: Tensor,
): Tensor => softmaxCrossEntropyOp.call([logits, labels, permutation, lambda], {})[0]!;
