import { type Attributes, type Call, linearGrid, type Metas, type Pass, type Variant } from '../engine/op.js';
import { sizeOf } from '../engine/tensor.js';
import type { Geometry } from './conv-geometry.js';
import {
  type Direction,
  type Operands,
  type Split,
  splitDepth,
  splitPasses,
  splitScratch,
} from './matrix-product.js';
import type { ShaderName } from './shaders.generated.js';

const THREADS = 64;
const WHOLE: Split = { chunk: 0, splits: 1 };

/** Kernels know a depthwise convolution's groups as channels. */
export const depthwiseParams = ({
  groups,
  ci: _,
  co: __,
  xChannels: ___,
  xGroup: ____,
  ...sizes
}: Geometry) => ({
  ...sizes,
  channels: groups,
});

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

/** Four channels and several neighbouring columns a thread: for channels in quads, and kernels and strides that unrolling can bear. */
export function patchVariant<A extends Attributes>(
  direction: Direction,
  geometryOf: (call: Metas<A>) => Geometry,
  operands: Operands,
): Variant<A> {
  return {
    valid: (call) => {
      const { groups, kw, stride } = geometryOf(call);
      return groups % 4 === 0 && kw <= 7 && stride <= 2;
    },
    scratch: (call) => splitScratch(splitOf(direction, geometryOf(call)), call),
    passes: (call) => {
      const geo = geometryOf(call);
      const split = splitOf(direction, geo);
      return splitPasses(split, call, patchPass(direction, geo, call, split), operands);
    },
  };
}

/** Rows of dy are shared out for the weight gradient. */
function splitOf(direction: Direction, { batch, outHeight, groups, kh }: Geometry): Split {
  if (direction !== 'weights') return WHOLE;
  return splitDepth(batch * outHeight, Math.ceil(((groups / 4) * kh) / THREADS), 1, 1);
}

function patchPass(
  direction: Direction,
  geo: Geometry,
  { capabilities }: Call<Attributes>,
  { chunk, splits }: Split,
): Pass {
  const { batch, height, width, outHeight, outWidth, groups, kh, kw, stride, left } = geo;
  const data = direction === 'data';
  // A GPU's threads have few registers; a CPU adapter's loads are dear.
  const PATCH = capabilities.software ? 8 : 4;
  const SPAN = data
    ? Math.floor((PATCH - 1) / stride) + Math.floor((kw + stride - 2) / stride) + 1
    : (PATCH - 1) * stride + kw;
  const constants = {
    PATCH,
    SPAN,
    KW: kw,
    STRIDE: stride,
    TEXTURE: capabilities.software && capabilities.subgroupSize === 8,
    DATA_GRADIENT: data,
  };
  const quads = groups / 4;
  if (direction === 'weights')
    return {
      shader: 'depthwise-weight-gradient-patch',
      constants: { ...constants, SPLIT: true },
      params: { ...depthwiseParams(geo), chunk, splits },
      grid: linearGrid(quads * kh * splits, THREADS),
    };
  const patches = data
    ? batch * height * Math.ceil((width + left) / PATCH)
    : batch * outHeight * Math.ceil(outWidth / PATCH);
  return {
    shader: 'depthwise-patch',
    constants,
    params: depthwiseParams(geo),
    grid: linearGrid(quads * patches, THREADS),
  };
}
