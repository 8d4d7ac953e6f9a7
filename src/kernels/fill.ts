import { f32, linearGrid, op } from '../engine/op.js';
import { type Graph, type Shape, sizeOf, type Tensor } from '../engine/tensor.js';

type FillAttributes = { readonly shape: readonly number[]; readonly value: number };

export const fillOp = op<FillAttributes>({
  name: 'fill',
  doc: 'y = a constant: the gradient that backward() starts from',
  inputs: [],
  outputs: ['y'],
  shape: (_, { shape }) => [f32(...shape)],
  variants: {
    naive: {
      passes: ({ attrs }) => {
        const size = sizeOf(attrs.shape);
        return [{ shader: 'fill', params: { size, value: attrs.value }, grid: linearGrid(size, 256) }];
      },
    },
  },
  reference: (_, { attrs }) => [new Float64Array(sizeOf(attrs.shape)).fill(attrs.value)],
  cost: ({ attrs }) => ({ flops: 0, bytes: 4 * sizeOf(attrs.shape) }),
  cases: [1, 1000].map((n) => ({ name: `${n}`, inputs: [], attrs: { shape: [n], value: 0.375 } })),
});

/** A tensor whose elements are all `value`. */
export const fill = (graph: Graph, shape: Shape, value: number): Tensor =>
  graph.call(fillOp, [], { shape, value })[0]!;
