import { type Case, f32, linearGrid, op } from '../engine/op.js';
import { type Shape, sizeOf, type Tensor } from '../engine/tensor.js';
import { normalAt, uniformAt } from '../rng.js';
import { demand, is } from './demand.js';

type Attributes = {
  /** [groups, taps, ci, co] */
  readonly shape: readonly number[];
  readonly distribution: 'normal' | 'uniform';
  /** The deviation, or the bound. */
  readonly scale: number;
};

export const initialWeightsOp = op<Attributes>({
  name: 'initial_weights',
  doc: 'y[g,t,c,o] = element (o, c, t), in PyTorch’s order, of the stream keys[g]: normal (Box and Muller 1958) or uniform',
  inputs: ['keys'],
  outputs: ['y'],
  shape: ([keys], { shape }) => {
    demand(is(keys, [shape[0]!], 'u32'), 'initialWeights', `one u32 key a group [${shape[0]}]`, [keys]);
    return [f32(...shape)];
  },
  variants: {
    naive: {
      passes: ({ attrs: { shape, distribution, scale } }) => {
        const [, taps = 1, ci = 1, co = 1] = shape;
        const QUADS = co % 4 === 0;
        const columns = QUADS ? co / 4 : co;
        const size = (sizeOf(shape) / co) * columns;
        const constants = { UNIFORM: distribution === 'uniform', QUADS };
        const params = { size, taps, ci, columns, scale };
        return [{ shader: 'initial-weights', constants, params, grid: linearGrid(size, 256) }];
      },
    },
  },
  reference: ([keys], { attrs: { shape, distribution, scale } }) => {
    const [groups = 1, taps = 1, ci = 1, co = 1] = shape;
    const y = new Float64Array(sizeOf(shape));
    const draw = (key: number, element: number): number =>
      distribution === 'normal' ? normalAt(key, 4 * element) : 2 * uniformAt(key, 2 * element) - 1;
    let i = 0;
    for (let g = 0; g < groups; g++)
      for (let t = 0; t < taps; t++)
        for (let c = 0; c < ci; c++)
          for (let o = 0; o < co; o++) y[i++] = scale * draw(keys![g]!, (o * ci + c) * taps + t);
    return [y];
  },
  cost: ({ attrs: { shape } }) => ({ flops: 60 * sizeOf(shape), bytes: 4 * sizeOf(shape) }),
  cases: [
    weightsCase([1, 1, 1, 1], 'normal'),
    weightsCase([2, 9, 5, 7], 'normal'),
    weightsCase([3, 1, 11, 13], 'uniform'),
    weightsCase([2, 1, 500, 501], 'normal'),
    weightsCase([3, 9, 5, 12], 'normal'),
    weightsCase([2, 4, 7, 8], 'uniform'),
  ],
});

function weightsCase(shape: Shape, distribution: Attributes['distribution']): Case<Attributes> {
  const values = Array.from({ length: shape[0]! }, (_, i) => (4_000_000_007 * (i + 1)) % 2 ** 32);
  return {
    name: `${shape} ${distribution}`,
    inputs: [{ shape: [shape[0]!], dtype: 'u32', values }],
    attrs: { shape, distribution, scale: 0.05 },
  };
}

/** Random weights [groups, taps, ci, co] into a place of their size. @param keys u32 [groups] */
export const initialWeights = (keys: Tensor, attrs: Attributes, place: Tensor): void => {
  initialWeightsOp.call([keys], attrs, [{ tensor: place, accumulate: false }]);
};
