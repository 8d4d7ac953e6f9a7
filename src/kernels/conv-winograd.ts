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
import type { Geometry } from './conv-geometry.js';
import { isLaidOutFor, softwarePasses, softwareScratch } from './conv-software.js';
import { defaultTile, TILES, tilePasses, tileScratch } from './conv-tile.js';
import type { Direction, Operands } from './matrix-product.js';

/** Values by which a tile's polynomial is known, 6 in either direction; and the side of a tile of the result. */
const VALUES = 36;
const SIDE = 4;
/** With fewer tiles than this the transformed weights, four times as many as the weights, are most of the work. */
const LEAST_TILES = 32;

type Whither = Exclude<Direction, 'weights'>;

/** How one family of adapters computes the products. */
interface Family {
  runs(call: Call<Attributes>): boolean;
  scratch(inner: Inner): Record<string, number>;
  passes(inner: Inner): Pass[];
}

/** The 36 products of each group as a convolution of 1x1 with 36 times the groups. */
interface Inner {
  readonly direction: Whither;
  readonly geo: Geometry;
  readonly call: Call<Attributes>;
}

const OPERANDS: Operands = { rows: 'tiles', columns: 'kernels', result: 'products' };

const SOFTWARE: Family = {
  runs: ({ capabilities }) => isLaidOutFor(capabilities),
  scratch: ({ direction, geo, call }) => softwareScratch(direction, geo, call),
  passes: ({ direction, geo, call }) => softwarePasses(direction, geo, call, OPERANDS),
};

const TILED: Family = {
  runs: ({ capabilities }) => !capabilities.software,
  scratch: ({ direction, geo, call }) =>
    tileScratch(direction, geo, call, TILES[defaultTile(direction, geo)]),
  passes: ({ direction, geo, call }) =>
    tilePasses(direction, geo, call, OPERANDS, TILES[defaultTile(direction, geo)]),
};

/**
 * A 3x3 convolution of stride 1, or its data gradient, as 36 products of a quarter of its work in all (shaders/lib/winograd.wgsl). Its
 * rounding errors are two to three times those of the direct sum, so it runs under --fast_math only.
 */
export function winogradVariants<A extends Attributes>(
  direction: Whither,
  geometryOf: (call: Metas<A>) => Geometry,
  operands: Operands,
): Record<string, Variant<A>> {
  const variant = (family: Family): Variant<A> => ({
    valid: (call) =>
      call.capabilities.fastMath === true && fits(direction, geometryOf(call)) && family.runs(call),
    scratch: (call) => {
      const inner = innerOf(direction, geometryOf(call), call);
      return { ...temporaries(inner), ...family.scratch(inner) };
    },
    passes: (call) => {
      const geo = geometryOf(call);
      const { input, kernel, output } = transforms(direction, geo, call, operands);
      return [kernel, input, ...family.passes(innerOf(direction, geo, call)), output];
    },
  });
  return { winograd: variant(SOFTWARE), winograd_tile: variant(TILED) };
}

const fits = (direction: Whither, geo: Geometry): boolean => {
  const { kh, kw, stride, ci, co, xGroup } = geo;
  const square = kh === 3 && kw === 3 && stride === 1;
  return square && ci % 4 === 0 && co % 4 === 0 && xGroup !== 0 && tilesOf(direction, geo) >= LEAST_TILES;
};

/** Tiles of the result: of y, or of dx. */
function tilesOf(direction: Whither, { batch, height, width, outHeight, outWidth }: Geometry): number {
  const [tall, wide] = direction === 'forward' ? [outHeight, outWidth] : [height, width];
  return batch * Math.ceil(tall / SIDE) * Math.ceil(wide / SIDE);
}

function innerOf(direction: Whither, given: Geometry, call: Call<Attributes>): Inner {
  const { ci, co } = given;
  const tiles = tilesOf(direction, given);
  const groups = VALUES * given.groups;
  const pixel = { height: 1, width: 1, outHeight: 1, outWidth: 1, kh: 1, kw: 1, stride: 1, top: 0, left: 0 };
  const geo = { ...pixel, batch: tiles, groups, ci, co, xChannels: groups * ci, xGroup: ci };
  const products = f32(tiles, groups * (direction === 'forward' ? co : ci));
  return { direction, geo, call: { ...call, outputs: [products], accumulate: [false] } };
}

function temporaries({ direction, geo: { batch, groups, ci, co } }: Inner): Record<string, number> {
  const [source, result] = direction === 'forward' ? [ci, co] : [co, ci];
  return {
    tiles: batch * groups * source,
    kernels: groups * ci * co,
    products: batch * groups * result,
  };
}

/** The passes around the products. A data gradient is the convolution of dy with the kernel turned round. */
function transforms(
  direction: Whither,
  geo: Geometry,
  { capabilities, accumulate }: Call<Attributes>,
  { rows, columns, result }: Operands,
): Record<'input' | 'kernel' | 'output', Pass> {
  const { batch, height, width, outHeight, outWidth, groups, ci, co, top, left } = geo;
  const forward = direction === 'forward';
  const sizes = forward
    ? { batch, height, width, outHeight, outWidth, groups, ci, co, top, left }
    : {
        ...{ batch, height: outHeight, width: outWidth, outHeight: height, outWidth: width, groups },
        ...{ ci: co, co: ci, top: 2 - top, left: 2 - left },
      };
  const tiles = tilesOf(direction, geo);
  const TEXTURE = prefersTextures(capabilities);
  const threads = (channels: number) => linearGrid((tiles * groups * channels) / 4, 64);
  return {
    input: {
      shader: 'winograd-input',
      constants: { TEXTURE },
      params: sizes,
      grid: threads(sizes.ci),
      bind: { x: rows },
    },
    kernel: {
      shader: 'winograd-kernel',
      constants: { FLIP: !forward },
      params: { ...sizes, ci, co },
      grid: linearGrid((groups * ci * co) / 4, 64),
      bind: { w: columns },
    },
    output: {
      shader: 'winograd-output',
      constants: { TEXTURE, ACCUMULATE: accumulate[0] ?? false },
      params: sizes,
      grid: threads(sizes.co),
      bind: { y: result },
    },
  };
}
