import { f32, linearGrid, need, op, trafficOf } from '../engine/op.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';

type Slope = { readonly slope: number };

export const leakyReluOp = op<Slope>({
  name: 'leaky_relu',
  doc: 'y = x where x > 0, else slope * x (Maas et al., ICML 2013)',
  inputs: ['x'],
  outputs: ['y'],
  shape: (inputs) => [f32(...need(inputs, 0).shape)],
  variants: {
    naive: {
      passes: ({ inputs, attrs }) => {
        const size = sizeOf(need(inputs, 0).shape);
        return [{ shader: 'leaky-relu', params: { size, slope: attrs.slope }, grid: linearGrid(size, 1024) }];
      },
    },
  },
  gradient: ({ inputs: [x], dys: [dy], attrs }) => leakyReluGradientOp.call([x, dy], attrs),
  reference: ([x], { attrs }) => [x!.map((value) => (value > 0 ? value : attrs.slope * value))],
  cost: ({ inputs, outputs }) => ({
    flops: sizeOf(outputs[0]!.shape),
    bytes: trafficOf([...inputs, ...outputs]),
  }),
  cases: [[1], [257], [3, 5, 7, 2]].map((shape) => ({
    name: `${shape}`,
    inputs: [{ shape, awayFromZero: 0.01 }],
    attrs: { slope: 0.1 },
  })),
});

export const leakyReluGradientOp = op<Slope>({
  name: 'leaky_relu_gradient',
  doc: 'dx = dy where x > 0, else slope * dy',
  inputs: ['x', 'dy'],
  outputs: ['dx'],
  shape: (inputs) => [f32(...need(inputs, 0).shape)],
  variants: {
    naive: {
      passes: ({ inputs, attrs }) => {
        const size = sizeOf(need(inputs, 0).shape);
        return [
          {
            shader: 'leaky-relu-gradient',
            params: { size, slope: attrs.slope },
            grid: linearGrid(size, 1024),
          },
        ];
      },
    },
  },
  reference: ([x, dy], { attrs }) => [dy!.map((value, i) => (x![i]! > 0 ? value : attrs.slope * value))],
  cost: ({ inputs, outputs }) => ({
    flops: sizeOf(outputs[0]!.shape),
    bytes: trafficOf([...inputs, ...outputs]),
  }),
  cases: [[1], [2, 3, 5, 7]].map((shape) => ({
    name: `${shape}`,
    inputs: [{ shape }, { shape }],
    attrs: { slope: 0.25 },
  })),
});

/** Leaky rectified linear unit, elementwise. */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => leakyReluOp.call([x], { slope })[0]!;
