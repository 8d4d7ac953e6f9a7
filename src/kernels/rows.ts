import { f32, linearGrid, need, op } from '../engine/op.js';
import { ShapeError, sizeOf, type Tensor } from '../engine/tensor.js';

/** Elements of one row of a tensor [N, ...]. */
const rowSize = (shape: readonly number[]): number => sizeOf(shape.slice(1));

export const storeRowsOp = op({
  name: 'store_rows',
  doc: 'place[rows[0] + b] = x[b]: a slice of the batch joins the whole',
  inputs: ['x', 'rows', 'place'],
  outputs: [],
  mutates: ['place'],
  shape: (inputs) => {
    const [x, place] = [need(inputs, 0).shape, need(inputs, 2).shape];
    if (`${x.slice(1)}` !== `${place.slice(1)}` || x[0]! > place[0]!)
      throw new ShapeError(`storeRows: rows of x [${x}] do not fit the place [${place}]`);
    return [];
  },
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const [x, place] = [need(inputs, 0).shape, need(inputs, 2).shape];
        const params = { size: sizeOf(x), row: rowSize(x), end: sizeOf(place) };
        return [{ shader: 'store-rows', params, grid: linearGrid(params.size, 256) }];
      },
    },
  },
  reference: ([x, rows, place], { inputs }) => {
    const next = place!.slice();
    const start = rows![0]! * rowSize(need(inputs, 0).shape);
    next.set(x!.subarray(0, Math.max(0, next.length - start)), Math.min(start, next.length));
    return [next];
  },
  cost: ({ inputs }) => ({ flops: 0, bytes: 8 * sizeOf(need(inputs, 0).shape) }),
  cases: [
    [[1, 1], [1, 1], 0],
    [[3, 5], [8, 5], 4],
    [[3, 300], [4, 300], 2],
  ].map(([x, place, row]) => ({
    name: `${x} at ${row}`,
    inputs: [
      { shape: x as number[] },
      { shape: [1], dtype: 'u32' as const, values: [row as number] },
      { shape: place as number[] },
    ],
    attrs: {},
  })),
});

export const loadRowsOp = op<{ readonly count: number }>({
  name: 'load_rows',
  doc: 'y[b] = full[rows[0] + b], 0 beyond the end: a slice of the batch',
  inputs: ['full', 'rows'],
  outputs: ['y'],
  shape: (inputs, { count }) => {
    const { shape } = need(inputs, 0);
    if (count > shape[0]!) throw new ShapeError(`loadRows: wants ${count} rows of [${shape}]`);
    return [f32(count, ...shape.slice(1))];
  },
  variants: {
    naive: {
      passes: ({ inputs, outputs }) => {
        const [full, y] = [need(inputs, 0).shape, need(outputs, 0).shape];
        const params = { size: sizeOf(y), row: rowSize(y), end: sizeOf(full) };
        return [{ shader: 'load-rows', params, grid: linearGrid(params.size, 256) }];
      },
    },
  },
  reference: ([full, rows], { outputs }) => {
    const { shape } = need(outputs, 0);
    const start = rows![0]! * rowSize(shape);
    return [Float64Array.from({ length: sizeOf(shape) }, (_, i) => full![start + i] ?? 0)];
  },
  cost: ({ outputs }) => ({ flops: 0, bytes: 8 * sizeOf(need(outputs, 0).shape) }),
  cases: [
    [1, 1, 1, 0],
    [8, 5, 3, 4],
    [4, 300, 3, 2],
  ].map(([n, c, count, row]) => ({
    name: `${count} of ${n},${c} at ${row}`,
    inputs: [{ shape: [n!, c!] }, { shape: [1], dtype: 'u32' as const, values: [row!] }],
    attrs: { count: count! },
  })),
});

/** place[rows[0] + b] = x[b] for each row of x [b, ...]; rows beyond the place's end are left out. @param rows u32 [1] */
export function storeRows(x: Tensor, rows: Tensor, place: Tensor): void {
  storeRowsOp.call([x, rows, place], {});
}

/** Rows rows[0] ... rows[0] + count - 1 of full [N, ...]; zeros beyond its end. @param rows u32 [1] */
export const loadRows = (full: Tensor, rows: Tensor, count: number): Tensor =>
  loadRowsOp.call([full, rows], { count })[0]!;
