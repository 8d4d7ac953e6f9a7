import { type Attributes, type Call, linearGrid, type Metas, type Pass, type Variant } from '../engine/op.js';
import { sizeOf } from '../engine/tensor.js';
import { prefersTextures, sharesBeforehand, softwareLanes } from './adapter-traits.js';
import { type Geometry, turned } from './conv-geometry.js';
import {
  type Direction,
  type Operands,
  type Split,
  splitDepth,
  splitPasses,
  splitScratch,
} from './matrix-product.js';
import type { ShaderName } from './shaders.generated.js';
import { shared, WORKERS } from './work-queue.js';

const THREADS = 64;
const WHOLE: Split = { chunk: 0, splits: 1 };

/** Kernels know a depthwise convolution's groups as channels. */
const depthwiseParams = ({ groups, ci: _, co: __, xChannels: ___, xGroup: ____, ...sizes }: Geometry) => ({
  ...sizes,
  channels: groups,
});

/** Threads of a tile: where tiles lie in a queue, a subgroup. */
const lanesOf = ({ capabilities }: Pick<Call, 'capabilities'>): number =>
  sharesBeforehand(capabilities) ? softwareLanes(capabilities) : THREADS;

/** How `items` threads are shared out. */
function inTiles(items: number, call: Pick<Call, 'capabilities'>) {
  const LANES = lanesOf(call);
  return shared(Math.ceil(items / LANES), LANES, call);
}

/** The obviously right kernel: one thread an element of the result. */
export const naiveDepthwise = <A extends Attributes>(
  shader: ShaderName,
  geometryOf: (call: Metas<A>) => Geometry,
): Variant<A> => ({
  passes: (call) => {
    const constants = { ACCUMULATE: call.accumulate[0] ?? false };
    const grid = linearGrid(sizeOf(call.outputs[0]!.shape), THREADS);
    return [{ shader, constants, params: depthwiseParams(geometryOf(call)), grid }];
  },
});

/** A data gradient of any stride: four channels and several neighbouring columns a thread. */
export function patchVariant<A extends Attributes>(
  geometryOf: (call: Metas<A>) => Geometry,
  operands: Operands,
): Variant<A> {
  return {
    valid: (call) => {
      const { groups, kw, stride } = geometryOf(call);
      return groups % 4 === 0 && kw <= 7 && stride <= 2;
    },
    passes: (call) => splitPasses(WHOLE, call, patchPass(geometryOf(call), call), operands),
  };
}

function patchPass(geo: Geometry, call: Call<Attributes>): Pass {
  const { capabilities } = call;
  const { batch, height, width, groups, kw, stride, left } = geo;
  // A GPU's threads have few registers; a CPU adapter's loads are dear.
  const PATCH = capabilities.software ? 8 : 4;
  const items = (groups / 4) * batch * height * Math.ceil((width + left) / PATCH);
  const { constants, grid } = inTiles(items, call);
  return {
    shader: 'depthwise-data-gradient-patch',
    constants: {
      ...constants,
      PATCH,
      SPAN: Math.floor((PATCH - 1) / stride) + Math.floor((kw + stride - 2) / stride) + 1,
      KW: kw,
      STRIDE: stride,
      TEXTURE: prefersTextures(capabilities),
    },
    params: depthwiseParams(geo),
    grid,
  };
}

/** Four channels and some rows a thread, which rolls along the columns: each step loads only what is new in its window. */
export function rollVariant<A extends Attributes>(
  direction: Direction,
  geometryOf: (call: Metas<A>) => Geometry,
  operands: Operands,
): Variant<A> {
  return {
    valid: (call) => {
      const { groups, kh, kw, stride, top, left } = geometryOf(call);
      const turns = direction !== 'data' || (stride === 1 && top < kh && left < kw);
      return groups % 4 === 0 && kh <= 5 && kw <= 5 && stride <= Math.min(2, kw) && turns;
    },
    scratch: (call) => splitScratch(rollSplit(direction, geometryOf(call), call), call),
    passes: (call) => {
      const geo = geometryOf(call);
      const split = rollSplit(direction, geo, call);
      const pass = direction === 'weights' ? weightRoll(geo, call, split) : rollPass(direction, geo, call);
      return splitPasses(split, call, pass, operands);
    },
  };
}

/** Rows of the result that a thread has: as many as its registers bear. */
const bandRows = (
  direction: Direction,
  { capabilities: { software } }: Pick<Call, 'capabilities'>,
): number => (software && direction !== 'weights' ? 4 : 2);

/** What lies in a queue is shared evenly however few tiles there are: 0.8 of the time of as many parts as workgroups need elsewhere. */
function rollSplit(direction: Direction, geo: Geometry, call: Pick<Call, 'capabilities'>): Split {
  if (direction !== 'weights') return WHOLE;
  const bands = geo.batch * Math.ceil(geo.outHeight / bandRows(direction, call));
  const enough = sharesBeforehand(call.capabilities) ? WORKERS : undefined;
  return splitDepth(bands, Math.ceil(geo.groups / 4 / lanesOf(call)), 1, 1, enough);
}

const rollConstants = (direction: Direction, { kh, kw, stride }: Geometry, call: Call<Attributes>) => {
  const ROWS = bandRows(direction, call);
  return {
    ROWS,
    KH: kh,
    KW: kw,
    STRIDE: stride,
    TALL: (ROWS - 1) * stride + kh,
    KEEP: kw - stride,
    TEXTURE: prefersTextures(call.capabilities),
  };
};

/** Columns of results for which loading the weights once no longer counts. */
const LONG_ROLL = 16;

/**
 * Images that a thread computes one after the other, so that it loads the weights once: where they are small, as many as leave a tile
 * for each that takes from the queue (lavapipe: 0.85 of the time with 4x4 pixels, 0.7 with 2x2). A GPU wants more threads, each with
 * less to do.
 */
function imagesOf({ batch, outWidth }: Geometry, threads: number, call: Pick<Call, 'capabilities'>): number {
  if (!sharesBeforehand(call.capabilities)) return 1;
  const tiles = (batch * threads) / lanesOf(call);
  return Math.min(batch, Math.ceil(LONG_ROLL / outWidth), Math.max(1, Math.floor(tiles / WORKERS)));
}

/** On a CPU a thread rolls along a whole row; on a GPU along a part. */
function rollPass(direction: Direction, given: Geometry, call: Call<Attributes>): Pass {
  const geo = direction === 'data' ? turned(given) : given;
  const { batch, outHeight, outWidth, groups } = geo;
  const constants = rollConstants(direction, geo, call);
  const span = call.capabilities.software ? outWidth : 8;
  const PENDING = Math.ceil(geo.kw / geo.stride); // results that a column of x is part of
  const threads = (groups / 4) * Math.ceil(outHeight / constants.ROWS) * Math.ceil(outWidth / span); // of an image
  const images = imagesOf(geo, threads, call);
  const { constants: sharing, grid } = inTiles(threads * Math.ceil(batch / images), call);
  return {
    shader: 'depthwise-roll',
    constants: {
      ...constants,
      ...sharing,
      COLUMNS_IN_PLACE: constants.TEXTURE,
      PENDING,
      LATER: PENDING - 1,
      ROLL: true,
      FLIP: direction === 'data',
    },
    params: { ...depthwiseParams(geo), span, images },
    grid,
  };
}

function weightRoll(geo: Geometry, call: Call<Attributes>, { chunk, splits }: Split): Pass {
  const { constants, grid } = inTiles((geo.groups / 4) * splits, call);
  return {
    shader: 'depthwise-weight-gradient-roll',
    constants: { ...rollConstants('weights', geo, call), ...constants, TAPS: geo.kh * geo.kw, SPLIT: true },
    params: { ...depthwiseParams(geo), chunk, splits },
    grid,
  };
}
