import { f32, linearGrid, need, op, trafficOf } from '../engine/op.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';

const PER_GROUP = 1024;

export const copyOp = op({
  name: 'copy',
  doc: 'y = x, or y += x: moves a gradient to its place, or adds it there',
  inputs: ['x'],
  outputs: ['y'],
  accumulates: ['y'],
  shape: (inputs) => [f32(...need(inputs, 0).shape)],
  variants: {
    naive: {
      passes: ({ inputs, accumulate }) => {
        const size = sizeOf(need(inputs, 0).shape);
        const constants = { ACCUMULATE: accumulate[0] ?? false };
        return [{ shader: 'copy', constants, params: { size }, grid: linearGrid(size, PER_GROUP) }];
      },
    },
  },
  gradient: ({ dys: [dy] }) => [dy],
  reference: ([x]) => [x!.slice()],
  cost: ({ inputs, outputs }) => ({ flops: 0, bytes: trafficOf([...inputs, ...outputs]) }),
  cases: [1, 257, 70_001].map((n) => ({ name: `${n}`, inputs: [{ shape: [n] }], attrs: {} })),
});

/** place = x. */
export const copyInto = (place: Tensor, x: Tensor): Tensor =>
  copyOp.call([x], {}, [{ tensor: place, accumulate: false }])[0]!;

/** place += x. */
export const accumulate = (place: Tensor, x: Tensor): Tensor =>
  copyOp.call([x], {}, [{ tensor: place, accumulate: true }])[0]!;
