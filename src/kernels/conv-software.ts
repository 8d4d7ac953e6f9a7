import type { Attributes, Call, Pass } from '../engine/op.js';
import { prefersTextures } from './adapter-traits.js';
import { type Geometry, turned } from './conv-geometry.js';
import { computedShare } from './conv-padding.js';
import {
  type Direction,
  type Operands,
  type Split,
  splitDepth,
  splitPasses,
  splitScratch,
} from './matrix-product.js';
import { shared } from './work-queue.js';

const WHOLE: Split = { chunk: 0, splits: 1 };
/** Rows of a weight gradient's tile. */
const WEIGHT_ROWS = 16;
/** Pixels that a step of a weight gradient sums. */
const PIXELS = 4;

/** Whether the adapter is one that the kernels here are laid out for. */
export const isLaidOutFor = ({ software, features, subgroupSize }: Call['capabilities']): boolean =>
  software && features.has('subgroups') && (subgroupSize === 8 || subgroupSize === 4);

/** Whether softwarePasses() runs this: channels come in quads, and each group's data gradient is its own. */
export const runsSoftware = (
  direction: Direction,
  geo: Geometry,
  { capabilities }: Call<Attributes>,
): boolean =>
  isLaidOutFor(capabilities) &&
  geo.ci % 4 === 0 &&
  geo.co % 4 === 0 &&
  !(direction === 'data' && geo.xGroup === 0);

/** What a tuner may try; absent: the choice that is usually best. */
export interface SoftwareLayout {
  /** Rows of a tile, for pixels: 8, 16 or 32. */
  readonly rows?: number;
  /** Operands come straight from their buffers. */
  readonly buffers?: boolean;
}

/** What a product costs in tiles of 8 rows, which load the weights twice as often, to one in tiles of 16 (measured: 0.95 to 1.2). */
const LOW_TILE_COST = 1.05;

/**
 * Rows of a tile: the taller, the fewer loads, until loop bodies outgrow the cache, of 8 lanes earlier than of 4; and the lower, the
 * more padding is skipped, which is 2 of 3 products where images are 2x2 pixels.
 */
export function rowsFor(direction: Direction, geo: Geometry, lanes: number): number {
  const rows = pixelRows(direction === 'data', geo);
  if (rows <= 8) return 8;
  if (lanes < 8) return rows <= 16 ? 16 : 32;
  if (direction === 'data' && geo.stride > 1) return 16; // its classes of pixels meet few taps as it is
  const forward = direction === 'data' ? turned(geo) : geo;
  return computedShare(forward, 8) * LOW_TILE_COST < computedShare(forward, 16) ? 8 : 16;
}

const pixelRows = (data: boolean, { batch, height, width, outHeight, outWidth, stride }: Geometry): number =>
  batch * (data ? Math.ceil(height / stride) * Math.ceil(width / stride) : outHeight * outWidth);

/** All tiles of a group walk the same pixels: these should stay in a core's cache (1 MiB here) meanwhile. */
const CACHED_CHUNK = 2 ** 19;

/**
 * How the pixels of a weight gradient are shared out, into chunks that stay in the cache unless writing the parts would cost more than
 * reading (1.5 times as fast at 56x56x64 in 4 groups); the other directions are not split.
 */
export function softwareSplit(direction: Direction, geo: Geometry, lanes: number): Split {
  if (direction !== 'weights' || hasFewPixels(geo, lanes)) return WHOLE;
  const { batch, outHeight, outWidth, groups, kh, kw, ci, co } = geo;
  const tiles = groups * kh * kw * Math.ceil(ci / WEIGHT_ROWS) * Math.ceil(co / (4 * lanes));
  const pixels = batch * outHeight * outWidth;
  const split = splitDepth(pixels, tiles, PIXELS, 16 * lanes);
  const chunk = Math.ceil(CACHED_CHUNK / (4 * (ci + co)) / PIXELS) * PIXELS;
  const splits = Math.ceil(pixels / chunk);
  const writes = splits * kh * kw * ci * co;
  return chunk < split.chunk && writes < pixels * (ci + co) ? { chunk, splits } : split;
}

/** Temporary tensors of softwarePasses(). */
export const softwareScratch = (
  direction: Direction,
  geo: Geometry,
  call: Call<Attributes>,
): Record<string, number> =>
  splitScratch(softwareSplit(direction, geo, call.capabilities.subgroupSize), call);

/** A convolution or its gradients in registers and shuffles, where runsSoftware(). */
export function softwarePasses(
  direction: Direction,
  geo: Geometry,
  call: Call<Attributes>,
  operands: Operands,
  layout?: SoftwareLayout,
): Pass[] {
  const split = softwareSplit(direction, geo, call.capabilities.subgroupSize);
  return splitPasses(split, call, softwareProduct(direction, geo, call, split, layout), operands);
}

/** The dispatch itself, whose operands are yet to be bound. */
export function softwareProduct(
  direction: Direction,
  geo: Geometry,
  call: Call<Attributes>,
  split: Split,
  layout: SoftwareLayout = {},
): Pass {
  const { capabilities } = call;
  const TEXTURE = prefersTextures(capabilities) && !layout.buffers;
  if (direction === 'weights')
    return hasFewPixels(geo, capabilities.subgroupSize)
      ? outerProducts(geo, call, TEXTURE)
      : weightProduct(geo, call, TEXTURE, split);
  const rows = layout.rows ?? rowsFor(direction, geo, capabilities.subgroupSize);
  return pixelProduct(direction === 'data', geo, call, TEXTURE, rows);
}

/** Whether pixels of x and y meet one to one. */
const isPointwise = ({ kh, kw, stride, height, width, outHeight, outWidth }: Geometry): boolean =>
  kh * kw * stride === 1 && height === outHeight && width === outWidth;

/** Parts of a weight gradient's pixels, a lane each. */
const partsOf = ({ batch, outHeight, outWidth }: Geometry, lanes: number): number =>
  Math.ceil((batch * outHeight * outWidth) / lanes);

/** Whether outerProducts() is worth while: it multiplies padding as well, which weightProduct() skips. */
const hasFewPixels = (geo: Geometry, lanes: number): boolean =>
  partsOf(geo, lanes) <= (isPointwise(geo) ? 4 : 2);

/**
 * Whether weights are read from their buffer: where they exceed the cache and serve one or two tiles of rows, copying them into a texture
 * first takes longer than the loads it would save (0.8 of the time forward at 2x2x512, batch 4). A data gradient's lanes read rows of
 * weights far apart: at 2x2x512 it takes 1.1, in a linear layer with one tile of rows 0.9.
 */
const readsWeightsInPlace = (
  data: boolean,
  { groups, kh, kw, ci, co }: Geometry,
  rowTiles: number,
): boolean =>
  groups * kh * kw * ci * co >= 2 ** 20 && (data ? rowTiles === 1 && kh * kw === 1 : rowTiles <= 2);

function pixelProduct(
  data: boolean,
  geo: Geometry,
  call: Call<Attributes>,
  TEXTURE: boolean,
  ROWS: number,
): Pass {
  const { groups, kh, kw, ci, co, stride } = geo;
  const LANES = call.capabilities.subgroupSize; // a workgroup is a subgroup
  const rows = Math.ceil(pixelRows(data, geo) / ROWS);
  const columns = Math.ceil((data ? ci : co) / (4 * LANES));
  const { constants, grid } = shared(rows * columns * groups * (data ? stride * stride : 1), LANES, call);
  return {
    shader: 'conv2d-software',
    constants: {
      ...constants,
      TEXTURE,
      ROWS,
      HALVES: ROWS / LANES,
      DATA_GRADIENT: data,
      POINT: kh * kw * stride === 1,
      COLUMNS_IN_PLACE: TEXTURE && readsWeightsInPlace(data, geo, rows),
    },
    params: { ...geo },
    grid,
  };
}

function weightProduct(
  geo: Geometry,
  call: Call<Attributes>,
  TEXTURE: boolean,
  { chunk, splits }: Split,
): Pass {
  const { groups, kh, kw, ci, co } = geo;
  const LANES = call.capabilities.subgroupSize;
  const tiles = kh * kw * Math.ceil(ci / WEIGHT_ROWS) * Math.ceil(co / (4 * LANES));
  const { constants, grid } = shared(tiles * groups * splits, LANES, call);
  return {
    shader: 'conv2d-weight-gradient-software',
    constants: {
      ...constants,
      TEXTURE,
      QUADS: LANES / 4,
      LOADS: WEIGHT_ROWS / LANES,
      POINT: isPointwise(geo),
      SPLIT: true,
    },
    params: { ...geo, chunk },
    grid,
  };
}

/** Quads of input channels whose weights a tile of outerProducts() stores. */
const RUN = 16;

/** Weight gradients where hasFewPixels(): 0.6 of the time of weightProduct() with 8 pixels. */
function outerProducts(geo: Geometry, call: Call<Attributes>, TEXTURE: boolean): Pass {
  const { groups, kh, kw, ci, co } = geo;
  const LANES = call.capabilities.subgroupSize;
  const tiles = groups * kh * kw * Math.ceil(ci / 4 / RUN) * Math.ceil(co / (4 * LANES));
  const { constants, grid } = shared(tiles, LANES, call);
  return {
    shader: 'conv2d-weight-gradient-few-pixels',
    constants: { ...constants, TEXTURE, RUN, PARTS: partsOf(geo, LANES) },
    params: { ...geo },
    grid,
  };
}
