import { f32, linearGrid, need, op, trafficOf } from '../engine/op.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';

export const reluOp = op({
  name: 'relu',
  doc: 'y = max(x, 0)',
  inputs: ['x'],
  outputs: ['y'],
  shape: (inputs) => [f32(...need(inputs, 0).shape)],
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const size = sizeOf(need(inputs, 0).shape);
        return [{ shader: 'relu', params: { size }, grid: linearGrid(size, 1024) }];
      },
    },
  },
  gradient: ({ outputs: [y], dys: [dy] }) => reluGradientOp.call([y, dy], {}),
  reference: ([x]) => [x!.map((value) => Math.max(value, 0))],
  cost: ({ inputs, outputs }) => ({
    flops: sizeOf(outputs[0]!.shape),
    bytes: trafficOf([...inputs, ...outputs]),
  }),
  cases: [[1], [257], [3, 5, 7, 2]].map((shape) => ({
    name: `${shape}`,
    inputs: [{ shape, awayFromZero: 0.01 }],
    attrs: {},
  })),
});

export const reluGradientOp = op({
  name: 'relu_gradient',
  doc: 'dx = dy where y > 0, else 0',
  inputs: ['y', 'dy'],
  outputs: ['dx'],
  shape: (inputs) => [f32(...need(inputs, 0).shape)],
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const size = sizeOf(need(inputs, 0).shape);
        return [{ shader: 'relu-gradient', params: { size }, grid: linearGrid(size, 1024) }];
      },
    },
  },
  reference: ([y, dy]) => [dy!.map((value, i) => (y![i]! > 0 ? value : 0))],
  cost: ({ inputs, outputs }) => ({ flops: 0, bytes: trafficOf([...inputs, ...outputs]) }),
  cases: [[1], [2, 3, 5, 7]].map((shape) => ({
    name: `${shape}`,
    inputs: [{ shape }, { shape }],
    attrs: {},
  })),
});

/** Rectified linear unit, elementwise. */
export const relu = (x: Tensor): Tensor => reluOp.call([x], {})[0]!;
