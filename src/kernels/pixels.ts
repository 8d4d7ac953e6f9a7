import { type Metas, type Pass, trafficOf } from '../engine/op.js';
import { type Shape, ShapeError, sizeOf } from '../engine/tensor.js';
import { widthFor } from './blocks.js';

/** What the operations between an activation [B,H,W,C] and one value per image and channel [B,C] share. */

export const imageOf = (name: string, shape: Shape): { batch: number; pixels: number; channels: number } => {
  const [batch, height, width, channels] = shape;
  if (shape.length !== 4) throw new ShapeError(`${name}: wants x [B,H,W,C], got [${shape}]`);
  return { batch: batch!, pixels: height! * width!, channels: channels! };
};

/** y[b, c] = scale * the sum over pixels of x (times `factor`). */
export function sumPass(
  name: string,
  shape: Shape,
  { mean, serial }: { mean: boolean; serial: boolean },
  bind: Record<string, string>,
): Pass {
  const { batch, pixels, channels } = imageOf(name, shape);
  const width = widthFor(channels);
  const columns = channels / width;
  const lanes = Math.min(64, 2 ** Math.ceil(Math.log2(columns)));
  return {
    shader: 'pixel-sum',
    constants: { VEC: width, PRODUCT: bind.factor !== undefined, SERIAL: serial },
    params: { pixels, columns, lanes, scale: mean ? 1 / pixels : 1 },
    grid: [Math.ceil(columns / (serial ? 16 : lanes)), batch, 1],
    bind,
  };
}

/** y[b, pixel, c] = scale * s[b, c] (times x). */
export function scalePass(
  name: string,
  shape: Shape,
  { mean = false, accumulate = false },
  bind: Record<string, string>,
): Pass {
  const { batch, pixels, channels } = imageOf(name, shape);
  const width = widthFor(channels);
  const columns = channels / width;
  return {
    shader: 'pixel-scale',
    constants: { VEC: width, PRODUCT: bind.x !== undefined, ACCUMULATE: accumulate },
    params: { pixels, columns, scale: mean ? 1 / pixels : 1 },
    grid: [Math.ceil((columns * Math.ceil(pixels / 8)) / 256), batch, 1],
    bind,
  };
}

/** Index into [B,C] of element i of [B,H,W,C]. */
export const owner = (i: number, pixels: number, channels: number): number =>
  Math.floor(i / (pixels * channels)) * channels + (i % channels);

/** One operation per element, every tensor moved once. */
export const cost = ({ inputs, outputs }: Metas): { flops: number; bytes: number } => ({
  flops: Math.max(...[...inputs, ...outputs].map((meta) => (meta ? sizeOf(meta.shape) : 0))),
  bytes: trafficOf([...inputs, ...outputs]),
});

/** Cases. */
export const SHAPES: readonly Shape[] = [
  [1, 1, 1, 1],
  [3, 5, 7, 3],
  [2, 7, 7, 20],
  [1, 13, 11, 8],
];
