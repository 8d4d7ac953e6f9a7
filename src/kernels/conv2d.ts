import { type Case, f32, linearGrid, type Metas, need, op, type Variant } from '../engine/op.js';
import { type Shape, sizeOf, type Tensor } from '../engine/tensor.js';
import {
  addDataProduct,
  addProduct,
  addWeightProduct,
  type ConvAttributes,
  convCost,
  expectOutput,
  forEachProduct,
  type Geometry,
  geometry,
  outputShape,
} from './conv-geometry.js';
import { stemForward, stemWeightGradient } from './conv-stem.js';
import { WINOGRAD, winogradVariant } from './conv-winograd.js';
import type { Direction, Operands } from './matrix-product.js';
import { matrixVariants } from './matrix-variants.js';
import type { ShaderName } from './shaders.generated.js';

/** Attributes of the data gradient: also the sides of x, which a stride leaves open. */
type DataAttributes = ConvAttributes & { readonly height: number; readonly width: number };
/** Attributes of the weight gradient: also the sizes of w that x and dy leave open. */
type WeightAttributes = ConvAttributes & { readonly kernel: readonly number[]; readonly groups: number };

const forwardSizes = ({ inputs, attrs }: Pick<Metas<ConvAttributes>, 'inputs' | 'attrs'>): Geometry =>
  geometry('conv2d', need(inputs, 0).shape, need(inputs, 1).shape, attrs);

const dataSizes = ({ inputs, attrs }: Pick<Metas<DataAttributes>, 'inputs' | 'attrs'>): Geometry => {
  const what = 'conv2d_data_gradient';
  const [dy, w] = [need(inputs, 0).shape, need(inputs, 1).shape];
  const [groups = 0, , , ci = 0] = w;
  const x = [dy[0] ?? 0, attrs.height, attrs.width, ci * (attrs.sharedInput ? 1 : groups)];
  const sizes = geometry(what, x, w, attrs);
  expectOutput(what, dy, sizes);
  return sizes;
};

const weightSizes = ({ inputs, attrs }: Pick<Metas<WeightAttributes>, 'inputs' | 'attrs'>): Geometry => {
  const what = 'conv2d_weight_gradient';
  const [x, dy] = [need(inputs, 0).shape, need(inputs, 1).shape];
  const { groups, kernel, sharedInput } = attrs;
  const ci = (x[3] ?? 0) / (sharedInput ? 1 : groups);
  const sizes = geometry(what, x, [groups, ...kernel, ci, (dy[3] ?? 0) / groups], attrs);
  expectOutput(what, dy, sizes);
  return sizes;
};

const FORWARD: Operands = { rows: 'x', columns: 'w', result: 'y' };
const DATA: Operands = { rows: 'dy', columns: 'w', result: 'dx' };
const WEIGHTS: Operands = { rows: 'x', columns: 'dy', result: 'dw' };

type Sizes = readonly [string, Shape, Shape, ConvAttributes][];

/** The sizes that all three operations are tried on. */
const SIZES: Sizes = [
  ['one channel 3x3', [2, 5, 7, 1], [1, 3, 3, 1, 1], { stride: 1, pad: [1, 1, 1, 1] }],
  ['primes 1x1', [1, 7, 5, 11], [1, 1, 1, 11, 13], { stride: 1, pad: [0, 0, 0, 0] }],
  ['quads 3x3, groups 2', [2, 5, 6, 24], [2, 3, 3, 12, 20], { stride: 1, pad: [1, 1, 1, 1] }],
  ['wide 3x3', [1, 5, 5, 40], [1, 3, 3, 40, 36], { stride: 1, pad: [1, 1, 1, 1] }],
  ['1x1 groups 3', [3, 3, 5, 24], [3, 1, 1, 8, 40], { stride: 1, pad: [0, 0, 0, 0] }],
  ['3x3 stride 2, groups 2', [2, 7, 8, 16], [2, 3, 3, 8, 4], { stride: 2, pad: [1, 1, 1, 1] }],
  ['3x3 of few pixels, stride 2, groups 2', [2, 3, 4, 8], [2, 3, 3, 4, 36], { stride: 2, pad: [1, 1, 1, 1] }],
  ['1x1 of few pixels', [3, 2, 2, 12], [1, 1, 1, 12, 36], { stride: 1, pad: [0, 0, 0, 0] }],
  ['1x1 stride 2', [2, 6, 7, 8], [1, 1, 1, 8, 12], { stride: 2, pad: [0, 0, 0, 0] }],
  [
    'stem 7x7 stride 2, shared',
    [1, 13, 12, 3],
    [2, 7, 7, 3, 4],
    { stride: 2, pad: [3, 3, 3, 3], sharedInput: true },
  ],
  ['3 channels, uneven padding', [2, 8, 9, 3], [1, 3, 3, 3, 8], { stride: 2, pad: [0, 0, 1, 1] }],
  ['7 channels, uneven padding', [1, 5, 6, 7], [1, 3, 3, 7, 8], { stride: 1, pad: [1, 0, 1, 2] }],
  ['shared quads', [1, 4, 5, 8], [3, 3, 3, 8, 4], { stride: 1, pad: [1, 1, 1, 1], sharedInput: true }],
  ['uneven padding, stride 3', [1, 9, 11, 4], [1, 3, 5, 4, 4], { stride: 3, pad: [0, 1, 2, 3] }],
  ['quads 3x3 in tiles, groups 2', [3, 14, 13, 16], [2, 3, 3, 8, 12], { stride: 1, pad: [1, 1, 1, 1] }],
  ['uneven padding in tiles', [5, 9, 11, 4], [1, 3, 3, 4, 8], { stride: 1, pad: [0, 2, 2, 1] }],
  ['four small images', [4, 3, 4, 20], [1, 3, 3, 20, 36], { stride: 1, pad: [1, 1, 1, 1] }],
  ['eight images, stride 2', [8, 4, 3, 8], [2, 3, 3, 4, 12], { stride: 2, pad: [1, 1, 1, 1] }],
  ['sixteen images of 2x2, groups 2', [16, 2, 2, 16], [2, 3, 3, 8, 12], { stride: 1, pad: [1, 1, 1, 1] }],
  ['three times eight images', [24, 3, 2, 8], [1, 3, 3, 8, 36], { stride: 1, pad: [1, 1, 1, 1] }],
  ['padding beyond the image', [1, 1, 2, 4], [1, 3, 3, 4, 8], { stride: 1, pad: [2, 2, 2, 2] }],
];

/** ResNet's and MobileNet's layers, batch 4; and ResNet's last ones of eight images of 64 pixels, where many products are with padding. */
const BENCHMARKS: Sizes = [
  ['3x3 56x56x64', [4, 56, 56, 64], [1, 3, 3, 64, 64], { stride: 1, pad: [1, 1, 1, 1] }],
  ['3x3 28x28x128', [4, 28, 28, 128], [1, 3, 3, 128, 128], { stride: 1, pad: [1, 1, 1, 1] }],
  ['3x3 14x14x256', [4, 14, 14, 256], [1, 3, 3, 256, 256], { stride: 1, pad: [1, 1, 1, 1] }],
  ['3x3 7x7x512', [4, 7, 7, 512], [1, 3, 3, 512, 512], { stride: 1, pad: [1, 1, 1, 1] }],
  ['3x3 56x56x64, 4 groups', [4, 56, 56, 256], [4, 3, 3, 64, 64], { stride: 1, pad: [1, 1, 1, 1] }],
  ['3x3 28x28x128, 4 groups', [4, 28, 28, 512], [4, 3, 3, 128, 128], { stride: 1, pad: [1, 1, 1, 1] }],
  ['3x3 14x14x256, 4 groups', [4, 14, 14, 1024], [4, 3, 3, 256, 256], { stride: 1, pad: [1, 1, 1, 1] }],
  ['3x3 7x7x512, 4 groups', [4, 7, 7, 2048], [4, 3, 3, 512, 512], { stride: 1, pad: [1, 1, 1, 1] }],
  ['3x3 4x4x256, 4 groups', [8, 4, 4, 1024], [4, 3, 3, 256, 256], { stride: 1, pad: [1, 1, 1, 1] }],
  ['3x3 2x2x512, 4 groups', [8, 2, 2, 2048], [4, 3, 3, 512, 512], { stride: 1, pad: [1, 1, 1, 1] }],
  ['7x7/2 stem', [4, 224, 224, 3], [1, 7, 7, 3, 64], { stride: 2, pad: [3, 3, 3, 3], sharedInput: true }],
  ['1x1 56x56 64 to 256', [4, 56, 56, 64], [1, 1, 1, 64, 256], { stride: 1, pad: [0, 0, 0, 0] }],
  ['1x1 14x14 512 to 512', [4, 14, 14, 512], [1, 1, 1, 512, 512], { stride: 1, pad: [0, 0, 0, 0] }],
];

/**
 * Winograd comes first where a CPU adapter computes: it saves arithmetic and costs traffic. GPUs have arithmetic to spare, so there it
 * comes last and a tuner's measurement decides.
 */
const convVariants = <A extends ConvAttributes>(
  direction: Direction,
  sizes: (call: Metas<A>) => Geometry,
  operands: Operands,
): Record<string, Variant<A>> => ({
  winograd: winogradVariant(WINOGRAD.software, direction, sizes, operands),
  ...matrixVariants(direction, sizes, operands),
  winograd_tile: winogradVariant(WINOGRAD.tile, direction, sizes, operands),
});

/** The obviously right kernel: one thread an element of the result. */
const naive = <A extends ConvAttributes>(
  shader: ShaderName,
  sizes: (call: Metas<A>) => Geometry,
): Variant<A> => ({
  passes: (call) => {
    const constants = { ACCUMULATE: call.accumulate[0] ?? false };
    const grid = linearGrid(sizeOf(call.outputs[0]!.shape), 64);
    return [{ shader, constants, params: { ...sizes(call) }, grid }];
  },
});

export const conv2dOp = op<ConvAttributes>({
  name: 'conv2d',
  doc: 'y[b,oh,ow,g,o] = sum_{i,j,c} x[b, oh*stride+i-top, ow*stride+j-left, g,c] w[g,i,j,c,o]: n LIBs are one network with n groups',
  inputs: ['x', 'w'],
  outputs: ['y'],
  shape: (inputs, attrs) => [f32(...outputShape(forwardSizes({ inputs, attrs })))],
  variants: {
    ...convVariants('forward', forwardSizes, FORWARD),
    stem: stemForward(forwardSizes),
    naive: naive('conv2d-naive', forwardSizes),
  },
  gradient: ({ inputs: [x, w], dys: [dy], attrs, wants, into }) => {
    const [, height = 0, width = 0] = x!.shape;
    const [groups = 0, kh = 0, kw = 0] = w!.shape;
    return [
      wants(0) ? conv2dDataGradientOp.call([dy, w], { ...attrs, height, width }, [into(0)])[0] : undefined,
      wants(1)
        ? conv2dWeightGradientOp.call([x, dy], { ...attrs, kernel: [kh, kw], groups }, [into(1)])[0]
        : undefined,
    ];
  },
  reference: ([x, w], call) => {
    const y = new Float64Array(sizeOf(call.outputs[0]!.shape));
    const sizes = forwardSizes(call);
    forEachProduct(sizes, (i, j, k) => addProduct(sizes, [x!, i], [w!, j], [y, k]));
    return [y];
  },
  cost: (call) => convCost(forwardSizes(call), call),
  cases: cases(SIZES, (x, w, attrs) => ({ inputs: [{ shape: x }, { shape: w }], attrs })),
  benchmarks: cases(BENCHMARKS, (x, w, attrs) => ({ inputs: [{ shape: x }, { shape: w }], attrs })),
});

export const conv2dDataGradientOp = op<DataAttributes>({
  name: 'conv2d_data_gradient',
  doc: 'dx[b,ih,iw,g,c] = sum over the products of conv2d that hold x[b,ih,iw,g,c] of dy w; over all groups where they share x',
  inputs: ['dy', 'w'],
  outputs: ['dx'],
  accumulates: ['dx'],
  shape: (inputs, attrs) => {
    const { batch, height, width, xChannels } = dataSizes({ inputs, attrs });
    return [f32(batch, height, width, xChannels)];
  },
  variants: {
    ...convVariants('data', dataSizes, DATA),
    naive: naive('conv2d-data-gradient-naive', dataSizes),
  },
  reference: ([dy, w], call) => {
    const dx = new Float64Array(sizeOf(call.outputs[0]!.shape));
    const sizes = dataSizes(call);
    forEachProduct(sizes, (i, j, k) => addDataProduct(sizes, [dx, i], [w!, j], [dy!, k]));
    return [dx];
  },
  cost: (call) => convCost(dataSizes(call), call),
  cases: cases(SIZES, (x, w, attrs) => ({
    inputs: [{ shape: outputShape(geometry('conv2d', x, w, attrs)) }, { shape: w }],
    attrs: { ...attrs, height: x[1]!, width: x[2]! },
  })),
  benchmarks: cases(BENCHMARKS, (x, w, attrs) => ({
    inputs: [{ shape: outputShape(geometry('conv2d', x, w, attrs)) }, { shape: w }],
    attrs: { ...attrs, height: x[1]!, width: x[2]! },
  })),
});

export const conv2dWeightGradientOp = op<WeightAttributes>({
  name: 'conv2d_weight_gradient',
  doc: 'dw[g,i,j,c,o] = sum over the output pixels of x dy',
  inputs: ['x', 'dy'],
  outputs: ['dw'],
  accumulates: ['dw'],
  shape: (inputs, attrs) => {
    const { groups, kh, kw, ci, co } = weightSizes({ inputs, attrs });
    return [f32(groups, kh, kw, ci, co)];
  },
  variants: {
    ...convVariants('weights', weightSizes, WEIGHTS),
    stem: stemWeightGradient(weightSizes),
    naive: naive('conv2d-weight-gradient-naive', weightSizes),
  },
  reference: ([x, dy], call) => {
    const dw = new Float64Array(sizeOf(call.outputs[0]!.shape));
    const sizes = weightSizes(call);
    forEachProduct(sizes, (i, j, k) => addWeightProduct(sizes, [x!, i], [dw, j], [dy!, k]));
    return [dw];
  },
  cost: (call) => convCost(weightSizes(call), call),
  cases: cases(SIZES, (x, w, attrs) => ({
    inputs: [{ shape: x }, { shape: outputShape(geometry('conv2d', x, w, attrs)) }],
    attrs: { ...attrs, kernel: [w[1]!, w[2]!], groups: w[0]! },
  })),
  benchmarks: cases(BENCHMARKS, (x, w, attrs) => ({
    inputs: [{ shape: x }, { shape: outputShape(geometry('conv2d', x, w, attrs)) }],
    attrs: { ...attrs, kernel: [w[1]!, w[2]!], groups: w[0]! },
  })),
});

function cases<A extends ConvAttributes>(
  list: Sizes,
  make: (x: Shape, w: Shape, attrs: ConvAttributes) => Omit<Case<A>, 'name'>,
): Case<A>[] {
  return list.map(([name, x, w, attrs]) => ({ name, ...make(x, w, attrs) }));
}

/**
 * 2-D cross-correlation (PyTorch's Conv2d without bias), NHWC, by groups.
 * @param x [batch, height, width, groups*ci]; with sharedInput [batch, height, width, ci], read by all groups
 * @param w [groups, kh, kw, ci, co]
 * @returns [batch, outHeight, outWidth, groups*co]
 * @throws ShapeError when the sizes do not go together or nothing is left of the image
 */
export const conv2d = (x: Tensor, w: Tensor, attrs: ConvAttributes): Tensor =>
  conv2dOp.call([x, w], attrs)[0]!;
