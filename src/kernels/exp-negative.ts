import { f32, need, op, trafficOf } from '../engine/op.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';

export const expNegativeOp = op({
  name: 'exp_negative',
  doc: 'y = exp(-x): the local information loss from its divergences',
  inputs: ['x'],
  outputs: ['y'],
  shape: (inputs) => [f32(...need(inputs, 0).shape)],
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const size = sizeOf(need(inputs, 0).shape);
        return [{ shader: 'exp-negative', params: { size }, grid: [Math.ceil(size / 64), 1, 1] }];
      },
    },
  },
  gradient: ({ outputs: [y], dys: [dy] }) => expNegativeGradientOp.call([y, dy], {}),
  reference: ([x]) => [x!.map((value) => Math.exp(-value))],
  cost: ({ inputs, outputs }) => ({
    flops: 2 * sizeOf(outputs[0]!.shape),
    bytes: trafficOf([...inputs, ...outputs]),
  }),
  cases: [1, 67].map((n) => ({ name: `${n}`, inputs: [{ shape: [n], low: -2, high: 8 }], attrs: {} })),
});

export const expNegativeGradientOp = op({
  name: 'exp_negative_gradient',
  doc: 'dx = -y * dy',
  inputs: ['y', 'dy'],
  outputs: ['dx'],
  shape: (inputs) => [f32(...need(inputs, 0).shape)],
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const size = sizeOf(need(inputs, 0).shape);
        return [{ shader: 'exp-negative-gradient', params: { size }, grid: [Math.ceil(size / 64), 1, 1] }];
      },
    },
  },
  reference: ([y, dy]) => [y!.map((value, i) => -value * dy![i]!)],
  cost: ({ inputs, outputs }) => ({
    flops: 2 * sizeOf(outputs[0]!.shape),
    bytes: trafficOf([...inputs, ...outputs]),
  }),
  cases: [1, 67].map((n) => ({ name: `${n}`, inputs: [{ shape: [n] }, { shape: [n] }], attrs: {} })),
});

/** exp(-x), elementwise; meant for losses [1]. */
export const expNegative = (x: Tensor): Tensor => expNegativeOp.call([x], {})[0]!;
