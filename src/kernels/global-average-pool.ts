import { f32, need, op } from '../engine/op.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';
import { avoidsBarriers } from './adapter-traits.js';
import { cost, imageOf, owner, SHAPES, scalePass, sumPass } from './pixels.js';

export const globalAveragePoolOp = op({
  name: 'global_average_pool',
  doc: 'y[b,c] = mean over the pixels of x[b,h,w,c]',
  inputs: ['x'],
  outputs: ['y'],
  shape: (inputs) => {
    const { batch, channels } = imageOf('globalAveragePool', need(inputs, 0).shape);
    return [f32(batch, channels)];
  },
  variants: {
    tiles: {
      passes: ({ inputs, capabilities }) => [
        sumPass(
          'globalAveragePool',
          need(inputs, 0).shape,
          { mean: true, serial: avoidsBarriers(capabilities) },
          {},
        ),
      ],
    },
  },
  gradient: ({ inputs: [x], dys: [dy], into }) => {
    const [, height, width] = x!.shape;
    return globalAveragePoolGradientOp.call([dy], { height: height!, width: width! }, [into(0)]);
  },
  reference: ([x], { inputs }) => {
    const { batch, pixels, channels } = imageOf('globalAveragePool', need(inputs, 0).shape);
    const y = new Float64Array(batch * channels);
    x!.forEach((value, i) => {
      y[owner(i, pixels, channels)]! += value / pixels;
    });
    return [y];
  },
  cost,
  cases: SHAPES.map((shape) => ({ name: `${shape}`, inputs: [{ shape }], attrs: {} })),
});

export const globalAveragePoolGradientOp = op<{ readonly height: number; readonly width: number }>({
  name: 'global_average_pool_gradient',
  doc: 'dx[b,h,w,c] = dy[b,c] / (H * W)',
  inputs: ['dy'],
  outputs: ['dx'],
  accumulates: ['dx'],
  shape: (inputs, { height, width }) => {
    const [batch, channels] = need(inputs, 0).shape;
    return [f32(batch!, height, width, channels!)];
  },
  variants: {
    columns: {
      passes: ({ outputs, accumulate: [accumulate = false] }) => {
        const bind = { s: 'dy', y: 'dx' };
        return [scalePass('globalAveragePool', need(outputs, 0).shape, { mean: true, accumulate }, bind)];
      },
    },
  },
  reference: ([dy], { outputs }) => {
    const { pixels, channels } = imageOf('globalAveragePool', need(outputs, 0).shape);
    const dx = new Float64Array(sizeOf(need(outputs, 0).shape));
    return [dx.map((_, i) => dy![owner(i, pixels, channels)]! / pixels)];
  },
  cost,
  cases: SHAPES.map(([batch, height, width, channels]) => ({
    name: `${[batch, height, width, channels]}`,
    inputs: [{ shape: [batch!, channels!] }],
    attrs: { height: height!, width: width! },
  })),
});

/** Mean over the pixels: x [B,H,W,C] -> [B,C]. */
export const globalAveragePool = (x: Tensor): Tensor => globalAveragePoolOp.call([x], {})[0]!;
