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

/** How a workgroup shares a tile: side x side threads, per x per results each, `depth` of the summed dimension at a time. */
export interface Tile {
  readonly side: number;
  readonly per: number;
  readonly depth: number;
}

/** From narrow to wide: wider tiles move less memory, and keep fewer cores busy. 16 KiB of workgroup memory hold each. */
export const TILES = {
  tile32: { side: 8, per: 4, depth: 8 },
  tile64: { side: 16, per: 4, depth: 16 },
  tile64_8x8: { side: 8, per: 8, depth: 8 },
  tile128: { side: 16, per: 8, depth: 8 },
} as const satisfies Record<string, Tile>;

/** The tile to take without measuring: the wider one if the matrix fills it and enough workgroups remain. */
export function defaultTile(direction: Direction, geo: Geometry): keyof typeof TILES {
  const { rows, columns, products } = sizesOf(direction, geo);
  const workgroups = Math.ceil(rows / 64) * Math.ceil(columns / 64) * products;
  return rows > 32 && columns > 32 && workgroups >= 64 ? 'tile64' : 'tile32';
}

function cut(sizes: Sizes, { side, per, depth }: Tile): Split & { grid: [number, number, number] } {
  const block = side * per;
  const down = Math.ceil(sizes.rows / block);
  const across = Math.ceil(sizes.columns / block);
  const split = splitDepth(sizes.depth, down * across * sizes.products, depth, 128);
  const folded = foldRows(down);
  return { ...split, grid: [folded.count, across * folded.folds, sizes.products * split.splits] };
}

/** Temporary tensors of tilePasses(). */
export const tileScratch = (
  direction: Direction,
  geo: Geometry,
  call: Call<Attributes>,
  tile: Tile,
): Record<string, number> => splitScratch(cut(sizesOf(direction, geo), tile), call);

/** A convolution or its gradients through workgroup memory: any sizes, any adapter. HALF: operands kept in 16 bits there. */
export function tilePasses(
  direction: Direction,
  geo: Geometry,
  call: Call<Attributes>,
  operands: Operands,
  tile: Tile,
  HALF = false,
): Pass[] {
  const { grid, ...split } = cut(sizesOf(direction, geo), tile);
  const { side, per, depth } = tile;
  const weights = direction === 'weights';
  const product: Pass = {
    shader: weights ? 'conv2d-weight-gradient-tile' : 'conv2d-tile',
    constants: {
      SIDE: side,
      PER: per,
      DEPTH: depth,
      COLUMNS: per / 4,
      QUADS: (per * depth) / (4 * side),
      VECTOR: geo.ci % 4 === 0 && geo.co % 4 === 0,
      ROWS_ALONG_K: !weights,
      COLUMNS_ALONG_K: direction === 'data',
      DATA_GRADIENT: direction === 'data',
      SPLIT: true,
      HALF,
    },
    params: { ...geo, chunk: split.chunk },
    grid,
  };
  return splitPasses(split, call, product, operands);
}
