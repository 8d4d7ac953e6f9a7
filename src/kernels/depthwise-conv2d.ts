import { type Case, f32, type Metas, need, op, trafficOf } from '../engine/op.js';
import { type Shape, ShapeError, sizeOf, type Tensor } from '../engine/tensor.js';
import { type ConvAttributes, expectOutput, type Geometry, geometry, outputShape } from './conv-geometry.js';
import { naiveDepthwise, patchVariant, rollVariant } from './depthwise-variants.js';

type DepthwiseAttributes = Omit<ConvAttributes, 'sharedInput'>;
/** Attributes of the data gradient: also the sides of x, which a stride leaves open. */
type DataAttributes = DepthwiseAttributes & { readonly height: number; readonly width: number };
/** Attributes of the weight gradient: also the sides of w. */
type WeightAttributes = DepthwiseAttributes & { readonly kernel: readonly number[] };
type Given<A extends DepthwiseAttributes> = Pick<Metas<A>, 'inputs' | 'attrs'>;

/** A depthwise convolution is one with as many groups as channels. */
function sizes(what: string, x: Shape, w: Shape, attrs: DepthwiseAttributes): Geometry {
  const [kh = 0, kw = 0, channels = 0] = w;
  if (w.length !== 3) throw new ShapeError(`${what}: wants w [kh, kw, channels], got [${w}]`);
  return geometry(what, x, [channels, kh, kw, 1, 1], attrs);
}

const forwardSizes = ({ inputs, attrs }: Given<DepthwiseAttributes>): Geometry =>
  sizes('depthwise_conv2d', need(inputs, 0).shape, need(inputs, 1).shape, attrs);

const dataSizes = ({ inputs, attrs }: Given<DataAttributes>): Geometry => {
  const what = 'depthwise_conv2d_data_gradient';
  const [dy, w] = [need(inputs, 0).shape, need(inputs, 1).shape];
  const geo = sizes(what, [dy[0] ?? 0, attrs.height, attrs.width, w[2] ?? 0], w, attrs);
  expectOutput(what, dy, geo);
  return geo;
};

const weightSizes = ({ inputs, attrs }: Given<WeightAttributes>): Geometry => {
  const what = 'depthwise_conv2d_weight_gradient';
  const [x, dy] = [need(inputs, 0).shape, need(inputs, 1).shape];
  const geo = sizes(what, x, [...attrs.kernel, x[3] ?? 0], attrs);
  expectOutput(what, dy, geo);
  return geo;
};

/** Calls back with the flat indices (in x, w and y) of each product; w is [kh, kw, channels] here. */
function forEachProduct(geo: Geometry, visit: (x: number, w: number, y: number) => void): void {
  const { batch, height, width, outHeight, outWidth, groups: channels, kh, kw, stride, top, left } = geo;
  for (let b = 0; b < batch; b++)
    for (let oh = 0; oh < outHeight; oh++)
      for (let ow = 0; ow < outWidth; ow++)
        for (let i = 0; i < kh; i++)
          for (let j = 0; j < kw; j++) {
            const ih = oh * stride + i - top;
            const iw = ow * stride + j - left;
            if (ih < 0 || iw < 0 || ih >= height || iw >= width) continue;
            const x = ((b * height + ih) * width + iw) * channels;
            const y = ((b * outHeight + oh) * outWidth + ow) * channels;
            for (let c = 0; c < channels; c++) visit(x + c, (i * kw + j) * channels + c, y + c);
          }
}

const cost = (geo: Geometry, { inputs, outputs }: Metas) => ({
  flops: 2 * sizeOf(outputShape(geo)) * geo.kh * geo.kw,
  bytes: trafficOf([...inputs, ...outputs]),
});

type Sizes = readonly [string, Shape, Shape, DepthwiseAttributes][];

/** The sizes that all three operations are tried on. */
const SIZES: Sizes = [
  ['one channel', [1, 4, 3, 1], [3, 3, 1], { stride: 1, pad: [1, 1, 1, 1] }],
  ['primes', [2, 7, 5, 13], [3, 3, 13], { stride: 1, pad: [1, 1, 1, 1] }],
  ['quads', [2, 9, 10, 40], [3, 3, 40], { stride: 1, pad: [1, 1, 1, 1] }],
  ['stride 2', [2, 9, 10, 36], [3, 3, 36], { stride: 2, pad: [1, 1, 1, 1] }],
  ['5x5 stride 2, uneven padding', [1, 11, 8, 12], [5, 5, 12], { stride: 2, pad: [1, 2, 2, 2] }],
  ['3x3 stride 2, zeros behind only', [2, 8, 10, 8], [3, 3, 8], { stride: 2, pad: [0, 0, 1, 1] }],
  ['5x5 stride 2, more zeros behind', [2, 12, 10, 20], [5, 5, 20], { stride: 2, pad: [1, 1, 2, 2] }],
  ['5x5', [1, 6, 7, 8], [5, 5, 8], { stride: 1, pad: [2, 2, 2, 2] }],
  ['small images for a thread to share', [9, 2, 3, 256], [3, 3, 256], { stride: 1, pad: [1, 1, 1, 1] }],
  ['stride over the edge', [2, 7, 8, 4], [3, 3, 4], { stride: 3, pad: [0, 0, 0, 0] }],
];

/** MobileNet's and EfficientNet-b0's layers, batch 4. */
const BENCHMARKS: Sizes = [
  ['3x3 56x56x128', [4, 56, 56, 128], [3, 3, 128], { stride: 1, pad: [1, 1, 1, 1] }],
  ['3x3/2 56x56x128', [4, 56, 56, 128], [3, 3, 128], { stride: 2, pad: [1, 1, 1, 1] }],
  ['5x5 28x28x240', [4, 28, 28, 240], [5, 5, 240], { stride: 1, pad: [2, 2, 2, 2] }],
  ['5x5/2 56x56x144', [4, 56, 56, 144], [5, 5, 144], { stride: 2, pad: [1, 1, 2, 2] }],
];

export const depthwiseConv2dOp = op<DepthwiseAttributes>({
  name: 'depthwise_conv2d',
  doc: 'y[b,oh,ow,c] = sum_{i,j} x[b, oh*stride+i-top, ow*stride+j-left, c] w[i,j,c]',
  inputs: ['x', 'w'],
  outputs: ['y'],
  shape: (inputs, attrs) => [f32(...outputShape(forwardSizes({ inputs, attrs })))],
  variants: {
    roll: rollVariant('forward', forwardSizes, { rows: 'x', columns: 'w', result: 'y' }),
    naive: naiveDepthwise('depthwise-naive', forwardSizes),
  },
  gradient: ({ inputs: [x, w], dys: [dy], attrs, wants, into }) => {
    const [, height = 0, width = 0] = x!.shape;
    const kernel = w!.shape.slice(0, 2);
    return [
      wants(0) ? depthwiseDataGradientOp.call([dy, w], { ...attrs, height, width }, [into(0)])[0] : undefined,
      wants(1) ? depthwiseWeightGradientOp.call([x, dy], { ...attrs, kernel }, [into(1)])[0] : undefined,
    ];
  },
  reference: ([x, w], call) => {
    const y = new Float64Array(sizeOf(call.outputs[0]!.shape));
    forEachProduct(forwardSizes(call), (i, j, k) => {
      y[k]! += x![i]! * w![j]!;
    });
    return [y];
  },
  cost: (call) => cost(forwardSizes(call), call),
  cases: cases(SIZES, (x, w, attrs) => ({ inputs: [{ shape: x }, { shape: w }], attrs })),
  benchmarks: cases(BENCHMARKS, (x, w, attrs) => ({ inputs: [{ shape: x }, { shape: w }], attrs })),
});

export const depthwiseDataGradientOp = op<DataAttributes>({
  name: 'depthwise_conv2d_data_gradient',
  doc: 'dx[b,ih,iw,c] = sum of dy w over the products of depthwise_conv2d that hold x[b,ih,iw,c]',
  inputs: ['dy', 'w'],
  outputs: ['dx'],
  accumulates: ['dx'],
  shape: (inputs, attrs) => {
    const { batch, height, width, groups } = dataSizes({ inputs, attrs });
    return [f32(batch, height, width, groups)];
  },
  variants: {
    roll: rollVariant('data', dataSizes, { rows: 'dy', columns: 'w', result: 'dx' }),
    patch: patchVariant(dataSizes, { rows: 'dy', columns: 'w', result: 'dx' }),
    naive: naiveDepthwise('depthwise-data-gradient-naive', dataSizes),
  },
  reference: ([dy, w], call) => {
    const dx = new Float64Array(sizeOf(call.outputs[0]!.shape));
    forEachProduct(dataSizes(call), (i, j, k) => {
      dx[i]! += dy![k]! * w![j]!;
    });
    return [dx];
  },
  cost: (call) => cost(dataSizes(call), call),
  cases: cases(SIZES, (x, w, attrs) => ({
    inputs: [{ shape: outputShape(sizes('depthwise_conv2d', x, w, attrs)) }, { shape: w }],
    attrs: { ...attrs, height: x[1]!, width: x[2]! },
  })),
  benchmarks: cases(BENCHMARKS, (x, w, attrs) => ({
    inputs: [{ shape: outputShape(sizes('depthwise_conv2d', x, w, attrs)) }, { shape: w }],
    attrs: { ...attrs, height: x[1]!, width: x[2]! },
  })),
});

export const depthwiseWeightGradientOp = op<WeightAttributes>({
  name: 'depthwise_conv2d_weight_gradient',
  doc: 'dw[i,j,c] = sum over the output pixels of x dy',
  inputs: ['x', 'dy'],
  outputs: ['dw'],
  accumulates: ['dw'],
  shape: (inputs, attrs) => {
    const { kh, kw, groups } = weightSizes({ inputs, attrs });
    return [f32(kh, kw, groups)];
  },
  variants: {
    roll: rollVariant('weights', weightSizes, { rows: 'x', columns: 'dy', result: 'dw' }),
    naive: naiveDepthwise('depthwise-weight-gradient-naive', weightSizes),
  },
  reference: ([x, dy], call) => {
    const dw = new Float64Array(sizeOf(call.outputs[0]!.shape));
    forEachProduct(weightSizes(call), (i, j, k) => {
      dw[j]! += x![i]! * dy![k]!;
    });
    return [dw];
  },
  cost: (call) => cost(weightSizes(call), call),
  cases: cases(SIZES, (x, w, attrs) => ({
    inputs: [{ shape: x }, { shape: outputShape(sizes('depthwise_conv2d', x, w, attrs)) }],
    attrs: { ...attrs, kernel: [w[0]!, w[1]!] },
  })),
  benchmarks: cases(BENCHMARKS, (x, w, attrs) => ({
    inputs: [{ shape: x }, { shape: outputShape(sizes('depthwise_conv2d', x, w, attrs)) }],
    attrs: { ...attrs, kernel: [w[0]!, w[1]!] },
  })),
});

function cases<A extends DepthwiseAttributes>(
  list: Sizes,
  make: (x: Shape, w: Shape, attrs: DepthwiseAttributes) => Omit<Case<A>, 'name'>,
): Case<A>[] {
  return list.map(([name, x, w, attrs]) => ({ name, ...make(x, w, attrs) }));
}

/**
 * 2-D cross-correlation of each channel with a kernel of its own, NHWC.
 * @param x [batch, height, width, channels]
 * @param w [kh, kw, channels]
 * @returns [batch, outHeight, outWidth, channels]
 * @throws ShapeError when the sizes do not go together or nothing is left of the image
 */
export const depthwiseConv2d = (x: Tensor, w: Tensor, attrs: DepthwiseAttributes): Tensor =>
  depthwiseConv2dOp.call([x, w], attrs)[0]!;
