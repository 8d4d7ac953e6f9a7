import { f32, linearGrid, need, op, trafficOf } from '../engine/op.js';
import { ShapeError, sizeOf } from '../engine/tensor.js';

export const columnSumOp = op({
  name: 'column_sum',
  doc: 'y[c] = sum_r x[r,c]: the gradient of a bias',
  inputs: ['x'],
  outputs: ['y'],
  accumulates: ['y'],
  shape: (inputs) => {
    const { shape } = need(inputs, 0);
    if (shape.length !== 2) throw new ShapeError(`column_sum: wants x [rows, columns], got [${shape}]`);
    return [f32(shape[1]!)];
  },
  variants: {
    naive: {
      passes: ({ inputs, accumulate }) => {
        const [rows = 0, columns = 0] = need(inputs, 0).shape;
        const constants = { ACCUMULATE: accumulate[0] ?? false };
        return [
          { shader: 'column-sum', constants, params: { rows, columns }, grid: linearGrid(columns, 64) },
        ];
      },
    },
  },
  reference: ([x], { outputs }) => {
    const y = new Float64Array(sizeOf(outputs[0]!.shape));
    x!.forEach((value, i) => {
      y[i % y.length]! += value;
    });
    return [y];
  },
  cost: ({ inputs, outputs }) => ({
    flops: sizeOf(need(inputs, 0).shape),
    bytes: trafficOf([...inputs, ...outputs]),
  }),
  cases: [
    [1, 1],
    [17, 131],
  ].map((shape) => ({ name: `${shape}`, inputs: [{ shape }], attrs: {} })),
});
