import type { Attributes, Call, Pass } from '../engine/op.js';
import type { Geometry } from './conv-geometry.js';
import {
  type Direction,
  foldRows,
  type Operands,
  type Split,
  splitDepth,
  splitPasses,
  splitScratch,
} from './matrix-product.js';

/** `products` matrix products of rows x depth by depth x columns. */
interface Sizes {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly products: number;
}

function sizesOf(direction: Direction, geo: Geometry): Sizes {
  const { batch, height, width, outHeight, outWidth, groups, kh, kw, ci, co, stride, xGroup } = geo;
  const pixels = batch * outHeight * outWidth;
  if (direction === 'forward') return { rows: pixels, columns: co, depth: kh * kw * ci, products: groups };
  if (direction === 'weights') return { rows: kh * kw * ci, columns: co, depth: pixels, products: groups };
  // One product for each class of pixels that meet the same taps; groups that share their input are summed over.
  const apart = xGroup === 0 ? 1 : groups;
  return {
    rows: batch * Math.ceil(height / stride) * Math.ceil(width / stride),
    columns: ci,
    depth: (groups / apart) * Math.ceil(kh / stride) * Math.ceil(kw / stride) * co,
    products: apart * stride * stride,
  };
}

/** Big tiles move less memory; small ones fit narrow matrices and occupy more cores. */
function tileOf(sizes: Sizes): Split & { BLOCK: number; grid: [number, number, number] } {
  const { rows, columns, depth, products } = sizes;
  const count = (block: number): [number, number] => [Math.ceil(rows / block), Math.ceil(columns / block)];
  const [down, across] = count(64);
  const BLOCK = rows > 32 && columns > 32 && down * across * products >= 64 ? 64 : 32;
  const tiles = count(BLOCK);
  const split = splitDepth(depth, tiles[0] * tiles[1] * products, BLOCK / 4, 128);
  const folded = foldRows(tiles[0]);
  return { ...split, BLOCK, grid: [folded.count, tiles[1] * folded.folds, products * split.splits] };
}

/** Temporary tensors of tilePasses(). */
export const tileScratch = (
  direction: Direction,
  geo: Geometry,
  call: Call<Attributes>,
): Record<string, number> => splitScratch(tileOf(sizesOf(direction, geo)), call);

/** A convolution or its gradients through workgroup memory: any sizes, any adapter. */
export function tilePasses(
  direction: Direction,
  geo: Geometry,
  call: Call<Attributes>,
  operands: Operands,
): Pass[] {
  const { BLOCK, grid, ...split } = tileOf(sizesOf(direction, geo));
  const weights = direction === 'weights';
  const product: Pass = {
    shader: weights ? 'conv2d-weight-gradient-tile' : 'conv2d-tile',
    constants: {
      BLOCK,
      VECTOR: geo.ci % 4 === 0 && geo.co % 4 === 0,
      ROWS_ALONG_K: !weights,
      COLUMNS_ALONG_K: direction === 'data',
      DATA_GRADIENT: direction === 'data',
      SPLIT: true,
    },
    params: { ...geo, chunk: split.chunk },
    grid,
  };
  return splitPasses(split, call, product, operands);
}
