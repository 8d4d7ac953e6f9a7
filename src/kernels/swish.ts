import { f32, linearGrid, need, op, trafficOf } from '../engine/op.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';

export const swishOp = op({
  name: 'swish',
  doc: 'y = x / (1 + exp(-x)) (Ramachandran, Zoph, Le 2017)',
  inputs: ['x'],
  outputs: ['y'],
  shape: (inputs) => [f32(...need(inputs, 0).shape)],
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const size = sizeOf(need(inputs, 0).shape);
        return [{ shader: 'swish', params: { size }, grid: linearGrid(size, 1024) }];
      },
    },
  },
  gradient: ({ inputs: [x], dys: [dy] }) => swishGradientOp.call([x, dy], {}),
  reference: ([x]) => [x!.map((value) => value / (1 + Math.exp(-value)))],
  cost: ({ inputs, outputs }) => ({
    flops: 4 * sizeOf(outputs[0]!.shape),
    bytes: trafficOf([...inputs, ...outputs]),
  }),
  cases: [[1], [257], [3, 5, 7, 2]]
    .map((shape) => ({
      name: `${shape}`,
      inputs: [{ shape, low: -9, high: 9 }],
      attrs: {},
    }))
    .concat({ name: 'extremes', inputs: [{ shape: [4], low: -200, high: 200 }], attrs: {} }),
});

export const swishGradientOp = op({
  name: 'swish_gradient',
  doc: 'dx = dy * s * (1 + x * (1 - s)), s = sigmoid(x)',
  inputs: ['x', 'dy'],
  outputs: ['dx'],
  shape: (inputs) => [f32(...need(inputs, 0).shape)],
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const size = sizeOf(need(inputs, 0).shape);
        return [{ shader: 'swish-gradient', params: { size }, grid: linearGrid(size, 1024) }];
      },
    },
  },
  reference: ([x, dy]) => [
    dy!.map((value, i) => {
      const s = 1 / (1 + Math.exp(-x![i]!));
      return value * s * (1 + x![i]! * (1 - s));
    }),
  ],
  cost: ({ inputs, outputs }) => ({
    flops: 6 * sizeOf(outputs[0]!.shape),
    bytes: trafficOf([...inputs, ...outputs]),
  }),
  cases: [[1], [2, 3, 5, 7]].map((shape) => ({
    name: `${shape}`,
    inputs: [{ shape, low: -9, high: 9 }, { shape }],
    attrs: {},
  })),
});

/** x * sigmoid(x), elementwise. */
export const swish = (x: Tensor): Tensor => swishOp.call([x], {})[0]!;
