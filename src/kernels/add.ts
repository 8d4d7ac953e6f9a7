import { f32, linearGrid, need, op, trafficOf } from '../engine/op.js';
import { ShapeError, sizeOf, type Tensor } from '../engine/tensor.js';

export const addOp = op({
  name: 'add',
  doc: 'y = a + b',
  inputs: ['a', 'b'],
  outputs: ['y'],
  shape: (inputs) => {
    const [a, b] = [need(inputs, 0), need(inputs, 1)];
    if (`${a.shape}` !== `${b.shape}`)
      throw new ShapeError(`add: wants two tensors of one shape, got [${a.shape}] and [${b.shape}]`);
    return [f32(...a.shape)];
  },
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const size = sizeOf(need(inputs, 0).shape);
        return [{ shader: 'add', params: { size }, grid: linearGrid(size, 1024) }];
      },
    },
  },
  gradient: ({ dys: [dy] }) => [dy, dy],
  reference: ([a, b]) => [a!.map((value, i) => value + b![i]!)],
  cost: ({ inputs, outputs }) => ({
    flops: sizeOf(outputs[0]!.shape),
    bytes: trafficOf([...inputs, ...outputs]),
  }),
  cases: [[1], [3, 5, 7, 2], [70_001]].map((shape) => ({
    name: `${shape}`,
    inputs: [{ shape }, { shape }],
    attrs: {},
  })),
});

/** Elementwise sum of two tensors of one shape. */
export const add = (a: Tensor, b: Tensor): Tensor => addOp.call([a, b], {})[0]!;
