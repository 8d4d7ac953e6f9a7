import { type Metas, trafficOf } from '../engine/op.js';
import { type Shape, ShapeError } from '../engine/tensor.js';

/** Attributes of a convolution. */
export type ConvAttributes = {
  readonly stride: number;
  /** Rows and columns of zeros: top, left, bottom, right. */
  readonly pad: readonly number[];
  /** All groups read the same channels, as all LIBs read one image. */
  readonly sharedInput?: boolean | undefined;
};

/** Sizes of a grouped convolution: x [batch, height, width, groups*ci], w [groups, kh, kw, ci, co], y [batch, outHeight, outWidth, groups*co]. */
export interface Geometry {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly groups: number;
  readonly kh: number;
  readonly kw: number;
  readonly ci: number;
  readonly co: number;
  readonly stride: number;
  readonly top: number;
  readonly left: number;
  /** Channels of one pixel of x, and how far apart the channels of two groups are there: 0 when they share them. */
  readonly xChannels: number;
  readonly xGroup: number;
}

/** The convolution of dy with the kernel turned round that is the data gradient of a convolution of stride 1. */
export const turned = (geo: Geometry): Geometry => ({
  ...geo,
  height: geo.outHeight,
  width: geo.outWidth,
  outHeight: geo.height,
  outWidth: geo.width,
  ci: geo.co,
  co: geo.ci,
  top: geo.kh - 1 - geo.top,
  left: geo.kw - 1 - geo.left,
  xChannels: geo.groups * geo.co,
  xGroup: geo.co,
});

/** The sizes that x, w and the attributes imply; a ShapeError in the name of `what` when they do not go together. */
export function geometry(what: string, x: Shape, w: Shape, attrs: ConvAttributes): Geometry {
  const { stride, sharedInput = false } = attrs;
  const [top = 0, left = 0, bottom = 0, right = 0] = attrs.pad;
  const [batch = 0, height = 0, width = 0, xChannels = 0] = x;
  const [groups = 0, kh = 0, kw = 0, ci = 0, co = 0] = w;
  if (x.length !== 4) throw new ShapeError(`${what}: wants x [batch, height, width, channels], got [${x}]`);
  if (w.length !== 5 || w.some((n) => n < 1))
    throw new ShapeError(`${what}: wants w [groups, kh, kw, in, out], none of them 0, got [${w}]`);
  if (!(Number.isInteger(stride) && stride >= 1))
    throw new ShapeError(`${what}: wants a stride of 1 or more, got ${stride}`);
  if (xChannels !== ci * (sharedInput ? 1 : groups))
    throw new ShapeError(
      `${what}: w [${w}] wants ${ci * (sharedInput ? 1 : groups)} input channels, x [${x}] has ${xChannels}`,
    );
  const outHeight = outSize(height + top + bottom, kh, stride);
  const outWidth = outSize(width + left + right, kw, stride);
  if (batch < 1) throw new ShapeError(`${what}: wants at least one image, got x [${x}]`);
  if (outHeight < 1 || outWidth < 1)
    throw new ShapeError(
      `${what}: x [${x}] with padding [${attrs.pad}] is smaller than the kernel ${kh}x${kw}`,
    );
  const xGroup = sharedInput ? 0 : ci;
  return {
    batch,
    height,
    width,
    outHeight,
    outWidth,
    groups,
    kh,
    kw,
    ci,
    co,
    stride,
    top,
    left,
    xChannels,
    xGroup,
  };
}

const outSize = (padded: number, kernel: number, stride: number): number =>
  padded < kernel ? 0 : Math.floor((padded - kernel) / stride) + 1;

export const outputShape = ({ batch, outHeight, outWidth, groups, co }: Geometry): number[] => [
  batch,
  outHeight,
  outWidth,
  groups * co,
];

/** Throws unless dy has the shape of the convolution's output. */
export function expectOutput(what: string, dy: Shape, geo: Geometry): void {
  const want = outputShape(geo);
  if (`${dy}` !== `${want}`) throw new ShapeError(`${what}: wants dy [${want}], got [${dy}]`);
}

/**
 * Calls back with the flat indices (in x, w and y) of each small product that a convolution sums: ci values of x from there on, times
 * a matrix [ci, co] of w, is added to co values of y.
 */
export function forEachProduct(geo: Geometry, visit: (x: number, w: number, y: number) => void): void {
  const { batch, height, width, outHeight, outWidth, groups, kh, kw, ci, co, stride, top, left } = geo;
  for (let b = 0; b < batch; b++)
    for (let oh = 0; oh < outHeight; oh++)
      for (let ow = 0; ow < outWidth; ow++)
        for (let i = 0; i < kh; i++)
          for (let j = 0; j < kw; j++) {
            const ih = oh * stride + i - top;
            const iw = ow * stride + j - left;
            if (ih < 0 || iw < 0 || ih >= height || iw >= width) continue;
            for (let g = 0; g < groups; g++) {
              const xAt = ((b * height + ih) * width + iw) * geo.xChannels + g * geo.xGroup;
              const yAt = (((b * outHeight + oh) * outWidth + ow) * groups + g) * co;
              const wAt = ((g * kh + i) * kw + j) * ci * co;
              visit(xAt, wAt, yAt);
            }
          }
}

/** y += x w: the loop in which a float64 reference spends its time, so a plain one. */
export function addProduct(
  { ci, co }: Pick<Geometry, 'ci' | 'co'>,
  [x, xAt]: readonly [Float64Array, number],
  [w, wAt]: readonly [Float64Array, number],
  [y, yAt]: readonly [Float64Array, number],
): void {
  for (let c = 0; c < ci; c++) {
    const value = x[xAt + c]!;
    for (let o = 0, k = wAt + c * co; o < co; o++, k++) y[yAt + o]! += value * w[k]!;
  }
}

/** dx += w dy, the transpose of addProduct in x. */
export function addDataProduct(
  { ci, co }: Pick<Geometry, 'ci' | 'co'>,
  [dx, xAt]: readonly [Float64Array, number],
  [w, wAt]: readonly [Float64Array, number],
  [dy, yAt]: readonly [Float64Array, number],
): void {
  for (let c = 0; c < ci; c++) {
    let sum = 0;
    for (let o = 0, k = wAt + c * co; o < co; o++, k++) sum += dy[yAt + o]! * w[k]!;
    dx[xAt + c]! += sum;
  }
}

/** dw += x dy, the transpose of addProduct in w. */
export function addWeightProduct(
  { ci, co }: Pick<Geometry, 'ci' | 'co'>,
  [x, xAt]: readonly [Float64Array, number],
  [dw, wAt]: readonly [Float64Array, number],
  [dy, yAt]: readonly [Float64Array, number],
): void {
  for (let c = 0; c < ci; c++) {
    const value = x[xAt + c]!;
    for (let o = 0, k = wAt + c * co; o < co; o++, k++) dw[k]! += value * dy[yAt + o]!;
  }
}

/** A multiplication and an addition for each product (those with padding included); each tensor moved once. */
export function convCost(geo: Geometry, { inputs, outputs }: Metas): { flops: number; bytes: number } {
  const { batch, outHeight, outWidth, groups, kh, kw, ci, co } = geo;
  const flops = 2 * batch * outHeight * outWidth * groups * kh * kw * ci * co;
  return { flops, bytes: trafficOf([...inputs, ...outputs]) };
}
