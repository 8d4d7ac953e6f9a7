import { f32, linearGrid, type Metas, need, type Op, type OpSpec, op, trafficOf } from '../engine/op.js';
import { type Meta, sizeOf, type Tensor } from '../engine/tensor.js';
import { demand, is } from './demand.js';

export type TemperatureAttributes = { readonly temperature: number };

/** Rows and columns of a tensor whose last dimension holds the classes. */
export function rowsOf(meta: Meta): { rows: number; classes: number } {
  const classes = meta.shape.at(-1) ?? 1;
  return { rows: sizeOf(meta.shape) / classes, classes };
}

/** log softmax(x / T) of each row of `classes` values. */
export function logSoftmaxRows(x: Float64Array, classes: number, temperature = 1): Float64Array {
  const y = new Float64Array(x.length);
  for (let first = 0; first < x.length; first += classes) {
    const row = x.subarray(first, first + classes).map((value) => value / temperature);
    const top = row.reduce((a, b) => Math.max(a, b));
    const lse = top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
    y.set(
      row.map((value) => value - lse),
      first,
    );
  }
  return y;
}

const CASES = [
  { shape: [1, 2], temperature: 1 },
  { shape: [67, 2], temperature: 1.5 },
  { shape: [3, 5, 7], temperature: 0.3 },
  { shape: [4, 1], temperature: 2 },
];

const cost = ({ inputs, outputs }: Metas<TemperatureAttributes>): { flops: number; bytes: number } => ({
  flops: 8 * sizeOf(outputs[0]!.shape),
  bytes: trafficOf([...inputs, ...outputs]),
});

const variants = (shader: 'softmax' | 'softmax-gradient', log: boolean) =>
  ({
    naive: {
      passes: ({ inputs, attrs: { temperature } }) => {
        const { rows, classes } = rowsOf(need(inputs, 0));
        const params = { rows, classes, temperature };
        return [{ shader, constants: { LOG: log }, params, grid: linearGrid(rows, 64) }];
      },
    },
  }) satisfies OpSpec<TemperatureAttributes>['variants'];

/** softmax and log softmax are one kernel with and without the last logarithm, and so are their gradients. */
function softmaxPair(log: boolean): {
  forward: Op<TemperatureAttributes>;
  gradient: Op<TemperatureAttributes>;
} {
  const name = log ? 'log_softmax' : 'softmax';
  const gradient = op<TemperatureAttributes>({
    name: `${name}_gradient`,
    doc: log ? 'dx = (dy - exp(y) * sum dy) / T' : 'dx = y * (dy - sum dy y) / T',
    inputs: ['y', 'dy'],
    outputs: ['dx'],
    shape: (inputs) => {
      const y = need(inputs, 0);
      demand(is(inputs[1], y.shape), `${name}_gradient`, 'y and dy of one shape', inputs);
      return [f32(...y.shape)];
    },
    variants: variants('softmax-gradient', log),
    reference: ([y, dy], { inputs, attrs: { temperature } }) => {
      const { classes } = rowsOf(need(inputs, 0));
      const weight = log ? dy! : dy!.map((value, i) => value * y![i]!);
      return [
        y!.map((value, i) => {
          const first = i - (i % classes);
          const sum = weight.subarray(first, first + classes).reduce((a, b) => a + b, 0);
          return (log ? dy![i]! - Math.exp(value) * sum : value * (dy![i]! - sum)) / temperature;
        }),
      ];
    },
    cost,
    cases: CASES.map(({ shape, temperature }) => ({
      name: `${shape} T=${temperature}`,
      inputs: [{ shape, low: log ? -2 : 0, high: log ? 0 : 1 }, { shape }],
      attrs: { temperature },
    })),
  });
  const forward = op<TemperatureAttributes>({
    name,
    doc: log
      ? 'y = log softmax(x / T) along the last dimension'
      : 'y = softmax(x / T) along the last dimension',
    inputs: ['x'],
    outputs: ['y'],
    shape: (inputs, { temperature }) => {
      const x = need(inputs, 0);
      demand(x.shape.length > 0 && temperature > 0, name, 'x [..., K] and a temperature above 0', inputs);
      return [f32(...x.shape)];
    },
    variants: variants('softmax', log),
    gradient: ({ outputs: [y], dys: [dy], attrs }) => gradient.call([y, dy], attrs),
    reference: ([x], { inputs, attrs: { temperature } }) => {
      const y = logSoftmaxRows(x!, rowsOf(need(inputs, 0)).classes, temperature);
      return [log ? y : y.map(Math.exp)];
    },
    cost,
    cases: CASES.map(({ shape, temperature }) => ({
      name: `${shape} T=${temperature}`,
      inputs: [{ shape, low: -3, high: 3 }],
      attrs: { temperature },
    })),
  });
  return { forward, gradient };
}

export const { forward: softmaxOp, gradient: softmaxGradientOp } = softmaxPair(false);
export const { forward: logSoftmaxOp, gradient: logSoftmaxGradientOp } = softmaxPair(true);

/** softmax(x / T) along the last dimension. */
export const softmax = (x: Tensor, attrs: TemperatureAttributes = { temperature: 1 }): Tensor =>
  softmaxOp.call([x], attrs)[0]!;

/** log softmax(x / T) along the last dimension. */
export const logSoftmax = (x: Tensor, attrs: TemperatureAttributes = { temperature: 1 }): Tensor =>
  logSoftmaxOp.call([x], attrs)[0]!;
