import { type Attributes, type Call, linearGrid, type Metas, type Pass, type Variant } from '../engine/op.js';
import { sizeOf } from '../engine/tensor.js';
import type { Geometry } from './conv-geometry.js';
import { isLaidOutFor, softwareProduct, softwareSplit } from './conv-software.js';
import { type Operands, splitPasses } from './matrix-product.js';

/**
 * The convolution of an image with few channels as one that the software kernels run well. The image gets a border, so that no tap
 * lies outside, and its channels are filled up to a quad; then the taps of a kernel row lie side by side in memory, and a kernel
 * kh x kw over ci channels is one of kh x 1 over kw*quad channels. Groups read the same image: they are one group with all columns.
 */
function padded(geo: Geometry): { quad: number; image: number; weights: number; inner: Geometry } {
  const { batch, outHeight, outWidth, groups, kh, kw, ci, co, stride } = geo;
  const quad = Math.ceil(ci / 4) * 4;
  const height = (outHeight - 1) * stride + kh;
  const width = (outWidth - 1) * stride + kw;
  const merged = { groups: 1, kw: 1, ci: kw * quad, co: groups * co };
  return {
    quad,
    image: batch * height * width * quad,
    weights: kh * kw * quad * groups * co,
    inner: { ...geo, ...merged, height, width, top: 0, left: 0, xChannels: quad, xGroup: 0 },
  };
}

function padImage(geo: Geometry): Pass {
  const { batch, height, width, top, left, xChannels: channels } = geo;
  const { quad, image, inner } = padded(geo);
  const sides = { outHeight: inner.height, outWidth: inner.width };
  const params = { batch, height, width, channels, top, left, ...sides, quads: quad / 4 };
  return { shader: 'pad-image', params, grid: linearGrid(image / 4, 64), bind: { y: 'image' } };
}

function mergeWeights(geo: Geometry): Pass {
  const { groups, kh, kw, ci, co } = geo;
  const { quad, weights: size } = padded(geo);
  const params = { size, groups, taps: kh * kw, ci, co, quad };
  return { shader: 'stem-weights', params, grid: linearGrid(size, 256), bind: { y: 'weights' } };
}

const runs = ({ ci, co, xChannels }: Geometry, { capabilities }: Call<Attributes>): boolean =>
  isLaidOutFor(capabilities) && ci % 4 !== 0 && co % 4 === 0 && xChannels === ci;

/** Forward, for CPU adapters: the stem, whose three channels fill no quad. */
export const stemForward = <A extends Attributes>(geometryOf: (call: Metas<A>) => Geometry): Variant<A> => ({
  valid: (call) => runs(geometryOf(call), call),
  scratch: (call) => {
    const { image, weights } = padded(geometryOf(call));
    return { image, weights };
  },
  passes: (call) => {
    const geo = geometryOf(call);
    const whole = { chunk: 0, splits: 1 };
    const operands: Operands = { rows: 'image', columns: 'weights', result: 'y' };
    const product = softwareProduct('forward', padded(geo).inner, call, whole);
    return [padImage(geo), mergeWeights(geo), ...splitPasses(whole, call, product, operands)];
  },
});

/** Weight gradient, for CPU adapters. */
export const stemWeightGradient = <A extends Attributes>(
  geometryOf: (call: Metas<A>) => Geometry,
): Variant<A> => ({
  valid: (call) => runs(geometryOf(call), call),
  scratch: (call) => {
    const { image, weights, inner } = padded(geometryOf(call));
    return { image, parts: weights * softwareSplit('weights', inner, call.capabilities.subgroupSize).splits };
  },
  passes: (call) => {
    const geo = geometryOf(call);
    const { quad, inner } = padded(geo);
    const split = softwareSplit('weights', inner, call.capabilities.subgroupSize);
    const product: Pass = {
      ...softwareProduct('weights', inner, call, split),
      bind: { rows: 'image', columns: 'dy', result: 'parts' },
    };
    const { groups, kh, kw, ci, co } = geo;
    const size = sizeOf(call.outputs[0]!.shape);
    const sum: Pass = {
      shader: 'stem-weight-sum',
      constants: { ACCUMULATE: call.accumulate[0] ?? false },
      params: { size, groups, taps: kh * kw, ci, co, quad, splits: split.splits },
      grid: linearGrid(size, 256),
    };
    return [padImage(geo), product, sum];
  },
});
