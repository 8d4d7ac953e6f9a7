import { f32, linearGrid, need, op, trafficOf } from '../engine/op.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';

export const sigmoidOp = op({
  name: 'sigmoid',
  doc: 'y = 1 / (1 + exp(-x))',
  inputs: ['x'],
  outputs: ['y'],
  shape: (inputs) => [f32(...need(inputs, 0).shape)],
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const size = sizeOf(need(inputs, 0).shape);
        return [{ shader: 'sigmoid', params: { size }, grid: linearGrid(size, 1024) }];
      },
    },
  },
  gradient: ({ outputs: [y], dys: [dy] }) => sigmoidGradientOp.call([y, dy], {}),
  reference: ([x]) => [x!.map((value) => 1 / (1 + Math.exp(-value)))],
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

export const sigmoidGradientOp = op({
  name: 'sigmoid_gradient',
  doc: 'dx = dy * y * (1 - y)',
  inputs: ['y', 'dy'],
  outputs: ['dx'],
  shape: (inputs) => [f32(...need(inputs, 0).shape)],
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const size = sizeOf(need(inputs, 0).shape);
        return [{ shader: 'sigmoid-gradient', params: { size }, grid: linearGrid(size, 1024) }];
      },
    },
  },
  reference: ([y, dy]) => [
    dy!.map((value, i) => {
      return value * y![i]! * (1 - y![i]!);
    }),
  ],
  cost: ({ inputs, outputs }) => ({
    flops: 6 * sizeOf(outputs[0]!.shape),
    bytes: trafficOf([...inputs, ...outputs]),
  }),
  cases: [[1], [2, 3, 5, 7]].map((shape) => ({
    name: `${shape}`,
    inputs: [{ shape, low: 0 }, { shape }],
    attrs: {},
  })),
});

/** 1 / (1 + exp(-x)), elementwise. */
export const sigmoid = (x: Tensor): Tensor => sigmoidOp.call([x], {})[0]!;
