import { f32, need, op } from '../engine/op.js';
import { ShapeError, type Tensor } from '../engine/tensor.js';
import { avoidsBarriers } from './adapter-traits.js';
import { cost, imageOf, owner, SHAPES, scalePass, sumPass } from './pixels.js';

export const channelScaleOp = op({
  name: 'channel_scale',
  doc: 'y[b,h,w,c] = x[b,h,w,c] * s[b,c]: the gate of squeeze-and-excitation',
  inputs: ['x', 's'],
  outputs: ['y'],
  accumulates: ['y'],
  shape: (inputs) => {
    const [x, s] = [need(inputs, 0), need(inputs, 1)];
    const { batch, channels } = imageOf('channelScale', x.shape);
    if (`${s.shape}` !== `${[batch, channels]}`)
      throw new ShapeError(
        `channelScale: wants s [${[batch, channels]}] for x [${x.shape}], got [${s.shape}]`,
      );
    return [f32(...x.shape)];
  },
  variants: {
    columns: {
      passes: ({ inputs, accumulate: [accumulate = false] }) => [
        scalePass('channelScale', need(inputs, 0).shape, { accumulate }, { x: 'x' }),
      ],
    },
  },
  gradient: ({ inputs: [x, s], dys: [dy], wants, into }): (Tensor | undefined)[] => [
    wants(0) ? channelScaleOp.call([dy, s], {}, [into(0)])[0] : undefined,
    wants(1) ? pixelDotOp.call([x, dy], {})[0] : undefined,
  ],
  reference: ([x, s], { inputs }) => {
    const { pixels, channels } = imageOf('channelScale', need(inputs, 0).shape);
    return [x!.map((value, i) => value * s![owner(i, pixels, channels)]!)];
  },
  cost,
  cases: SHAPES.map((shape) => ({
    name: `${shape}`,
    inputs: [{ shape }, { shape: [shape[0]!, shape[3]!] }],
    attrs: {},
  })),
});

export const pixelDotOp = op({
  name: 'pixel_dot',
  doc: 'y[b,c] = sum over the pixels of x * factor: the gradient of a channel scale',
  inputs: ['x', 'factor'],
  outputs: ['y'],
  shape: (inputs) => {
    const { batch, channels } = imageOf('pixelDot', need(inputs, 0).shape);
    return [f32(batch, channels)];
  },
  variants: {
    tiles: {
      passes: ({ inputs, capabilities }) => [
        sumPass(
          'pixelDot',
          need(inputs, 0).shape,
          { mean: false, serial: avoidsBarriers(capabilities) },
          { factor: 'factor' },
        ),
      ],
    },
  },
  reference: ([x, factor], { inputs }) => {
    const { batch, pixels, channels } = imageOf('pixelDot', need(inputs, 0).shape);
    const y = new Float64Array(batch * channels);
    x!.forEach((value, i) => {
      y[owner(i, pixels, channels)]! += value * factor![i]!;
    });
    return [y];
  },
  cost,
  cases: SHAPES.map((shape) => ({ name: `${shape}`, inputs: [{ shape }, { shape }], attrs: {} })),
});

/** x [B,H,W,C] times s [B,C], one factor per image and channel. */
export const channelScale = (x: Tensor, s: Tensor): Tensor => channelScaleOp.call([x, s], {})[0]!;
