import { type Shape, ShapeError } from '../engine/tensor.js';
import type { Geometry } from './conv-geometry.js';

export type LinearAttributes = {
  /** [start, length]: columns of x that are left out, for a head that must not see one LIB's features. */
  readonly hole?: readonly number[] | undefined;
};

/** Sizes of a grouped linear layer: x [rows, groups*k + holeLength], w [groups, k, n], y [rows, groups*n]. */
export interface LinearSizes {
  readonly rows: number;
  readonly groups: number;
  readonly k: number;
  readonly n: number;
  readonly holeStart: number;
  readonly holeLength: number;
}

/** The sizes that x, w and the hole imply; a ShapeError in the name of `what` when they do not go together. */
export function linearSizes(what: string, x: Shape, w: Shape, { hole }: LinearAttributes): LinearSizes {
  const [groups = 0, k = 0, n = 0] = w;
  const [holeStart = 0, holeLength = 0] = hole ?? [];
  const [rows = 0, columns = 0] = x;
  if (x.length !== 2 || rows < 1) throw new ShapeError(`${what}: wants x [rows, columns], got [${x}]`);
  if (w.length !== 3 || w.some((size) => size < 1))
    throw new ShapeError(`${what}: wants w [groups, in, out], none of them 0, got [${w}]`);
  if (groups > 1 && holeLength > 0)
    throw new ShapeError(`${what}: a hole wants one group, w [${w}] has ${groups}`);
  const want = groups * k + holeLength;
  if (columns !== want || holeStart + holeLength > columns)
    throw new ShapeError(
      `${what}: w [${w}] ${hole ? `and the hole [${hole}] want` : 'wants'} ${want} columns, x [${x}] has ${columns}`,
    );
  return { rows, groups, k, n, holeStart, holeLength };
}

/** Throws unless dy has the shape of the layer's output. */
export function expectRows(what: string, dy: Shape, { rows, groups, n }: LinearSizes): void {
  if (`${dy}` !== `${[rows, groups * n]}`)
    throw new ShapeError(`${what}: wants dy [${[rows, groups * n]}], got [${dy}]`);
}

/** Calls back with the flat indices (in x, w and y) of each product that the layer sums. */
export function forEachLinearProduct(
  { rows, groups, k, n, holeStart, holeLength }: LinearSizes,
  visit: (x: number, w: number, y: number) => void,
): void {
  for (let row = 0; row < rows; row++)
    for (let g = 0; g < groups; g++)
      for (let i = 0; i < k; i++) {
        const column = g * k + i;
        const x = row * (groups * k + holeLength) + column + (column >= holeStart ? holeLength : 0);
        for (let o = 0; o < n; o++) visit(x, column * n + o, (row * groups + g) * n + o);
      }
}

/** The same layer as a 1x1 convolution of 1x1 images; undefined when it has a hole. */
export function asConvolution({ rows, groups, k, n, holeLength }: LinearSizes): Geometry | undefined {
  if (holeLength > 0) return undefined;
  const images = { batch: rows, height: 1, width: 1, outHeight: 1, outWidth: 1 };
  const weights = { groups, kh: 1, kw: 1, ci: k, co: n };
  return { ...images, ...weights, stride: 1, top: 0, left: 0, xChannels: groups * k, xGroup: k };
}
