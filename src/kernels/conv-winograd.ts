import {
  type Attributes,
  type Call,
  f32,
  linearGrid,
  type Metas,
  type Pass,
  type Variant,
} from '../engine/op.js';
import { prefersTextures } from './adapter-traits.js';
import { type Geometry, turned } from './conv-geometry.js';
import { isLaidOutFor, softwarePasses, softwareScratch } from './conv-software.js';
import { defaultTile, TILES, tilePasses, tileScratch } from './conv-tile.js';
import type { Direction, Operands } from './matrix-product.js';

/** Values by which a tile's polynomial is known, 6 in either direction; and the side of a tile of the result. */
const VALUES = 36;
const SIDE = 4;
/** With fewer tiles than this the transformed weights, four times as many as the weights, are most of the work. */
const LEAST_TILES = 32;

/** How one family of adapters computes the products. */
interface Family {
  runs(call: Call<Attributes>): boolean;
  scratch(inner: Inner): Record<string, number>;
  passes(inner: Inner): Pass[];
}

/** The 36 products of each group as a convolution of 1x1 with 36 times the groups. */
interface Inner {
  readonly direction: Direction;
  readonly geo: Geometry;
  readonly call: Call<Attributes>;
}

/** Temporary tensors: values of the inputs' tiles (or of dy's, for a gradient), of the kernels, and of the results' tiles. */
const operandsOf = (direction: Direction): Operands =>
  direction === 'weights'
    ? { rows: 'tiles', columns: 'products', result: 'kernels' }
    : { rows: 'tiles', columns: 'kernels', result: 'products' };

export const WINOGRAD: Record<'software' | 'tile', Family> = {
  software: {
    runs: ({ capabilities }) => isLaidOutFor(capabilities),
    scratch: ({ direction, geo, call }) => softwareScratch(direction, geo, call),
    passes: ({ direction, geo, call }) => softwarePasses(direction, geo, call, operandsOf(direction)),
  },
  tile: {
    runs: ({ capabilities }) => !capabilities.software,
    scratch: ({ direction, geo, call }) =>
      tileScratch(direction, geo, call, TILES[defaultTile(direction, geo)]),
    passes: ({ direction, geo, call }) =>
      tilePasses(direction, geo, call, operandsOf(direction), TILES[defaultTile(direction, geo)]),
  },
};

/**
 * A 3x3 convolution of stride 1, or one of its gradients, as 36 products of a quarter of its work in all (shaders/lib/winograd.wgsl). Its
 * rounding errors are four times those of the direct sum in blocks (those of a sum in one go). A gradient bears that: what follows is
 * linear. Forward, more ReLUs lose their sign to it, and golden runs the median of their gradient norms, so there it takes --fast_math.
 */
export function winogradVariant<A extends Attributes>(
  { runs, scratch, passes }: Family,
  direction: Direction,
  geometryOf: (call: Metas<A>) => Geometry,
  operands: Operands,
): Variant<A> {
  const transforms = direction === 'weights' ? gradientTransforms : pixelTransforms;
  return {
    valid: (call) =>
      (direction !== 'forward' || call.capabilities.fastMath === true) &&
      fits(direction, geometryOf(call)) &&
      runs(call),
    scratch: (call) => {
      const inner = innerOf(direction, geometryOf(call), call);
      return { ...temporaries(inner), ...scratch(inner) };
    },
    passes: (call) => {
      const geo = geometryOf(call);
      const { before, after } = transforms(direction, geo, call, operands);
      return [...before, ...passes(innerOf(direction, geo, call)), after];
    },
  };
}

const fits = (direction: Direction, geo: Geometry): boolean => {
  const { kh, kw, stride, ci, co, xGroup } = geo;
  const square = kh === 3 && kw === 3 && stride === 1;
  return square && ci % 4 === 0 && co % 4 === 0 && xGroup !== 0 && tilesOf(direction, geo) >= LEAST_TILES;
};

/** Tiles of the result: of dx, or of y, whose tiles a weight gradient shares with the forward pass. */
function tilesOf(direction: Direction, { batch, height, width, outHeight, outWidth }: Geometry): number {
  const [tall, wide] = direction === 'data' ? [height, width] : [outHeight, outWidth];
  return batch * Math.ceil(tall / SIDE) * Math.ceil(wide / SIDE);
}

function innerOf(direction: Direction, given: Geometry, call: Call<Attributes>): Inner {
  const { ci, co } = given;
  const tiles = tilesOf(direction, given);
  const groups = VALUES * given.groups;
  const pixel = { height: 1, width: 1, outHeight: 1, outWidth: 1, kh: 1, kw: 1, stride: 1, top: 0, left: 0 };
  const geo = { ...pixel, batch: tiles, groups, ci, co, xChannels: groups * ci, xGroup: ci };
  const result = {
    forward: f32(tiles, groups * co),
    data: f32(tiles, groups * ci),
    weights: f32(groups, ci, co),
  };
  return { direction, geo, call: { ...call, outputs: [result[direction]], accumulate: [false] } };
}

function temporaries({ direction, geo: { batch, groups, ci, co } }: Inner): Record<string, number> {
  const [source, result] = direction === 'data' ? [co, ci] : [ci, co];
  return {
    tiles: batch * groups * source,
    kernels: groups * ci * co,
    products: batch * groups * result,
  };
}

/** The passes around the products. */
interface Transforms {
  readonly before: readonly Pass[];
  readonly after: Pass;
}

/** What the transforms' shaders know of a convolution. */
const sizesOf = ({ batch, height, width, outHeight, outWidth, groups, ci, co, top, left }: Geometry) => ({
  batch,
  height,
  width,
  outHeight,
  outWidth,
  groups,
  ci,
  co,
  top,
  left,
});

const threadsFor = (tiles: number, channels: number) => linearGrid((tiles * channels) / 4, 64);

const inputPass = (
  params: Readonly<Record<'groups' | 'ci', number>>,
  tiles: number,
  TEXTURE: boolean,
  source: string,
): Pass => ({
  shader: 'winograd-input',
  constants: { TEXTURE },
  params,
  grid: threadsFor(tiles, params.groups * params.ci),
  bind: { source },
});

/** Of the convolution, or of its data gradient: the convolution of dy with the kernel turned round. */
function pixelTransforms(
  direction: Direction,
  geo: Geometry,
  { capabilities, accumulate }: Call<Attributes>,
  { rows, columns, result }: Operands,
): Transforms {
  const { groups, ci, co } = geo;
  const data = direction === 'data';
  const params = sizesOf(data ? turned(geo) : geo);
  const tiles = tilesOf(direction, geo);
  const TEXTURE = prefersTextures(capabilities);
  const kernel: Pass = {
    shader: 'winograd-kernel',
    constants: { FLIP: data },
    params: { ...params, ci, co },
    grid: threadsFor(groups * ci, co),
    bind: { w: columns },
  };
  const output: Pass = {
    shader: 'winograd-output',
    constants: { TEXTURE, ACCUMULATE: accumulate[0] ?? false },
    params,
    grid: threadsFor(tiles, groups * params.co),
    bind: { source: 'products', y: result },
  };
  return { before: [kernel, inputPass(params, tiles, TEXTURE, rows)], after: output };
}

/** Of the weight gradient: those of the convolution, the two around the weights and the results transposed. */
function gradientTransforms(
  direction: Direction,
  geo: Geometry,
  { capabilities, accumulate }: Call<Attributes>,
  { rows, columns, result }: Operands,
): Transforms {
  const { groups, ci, co } = geo;
  const params = sizesOf(geo);
  const tiles = tilesOf(direction, geo);
  const TEXTURE = prefersTextures(capabilities);
  const output: Pass = {
    shader: 'winograd-output-gradient',
    constants: { TEXTURE },
    params,
    grid: threadsFor(tiles, groups * co),
    bind: { source: columns, spread: 'products' },
  };
  const kernel: Pass = {
    shader: 'winograd-kernel-gradient',
    constants: { TEXTURE, ACCUMULATE: accumulate[0] ?? false },
    params,
    grid: threadsFor(groups * ci, co),
    bind: { source: 'kernels', dw: result },
  };
  return { before: [inputPass(params, tiles, TEXTURE, rows), output], after: kernel };
}
