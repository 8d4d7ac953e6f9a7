import { type Case, f32, linearGrid, type Metas, need, op, trafficOf, type Variant } from '../engine/op.js';
import { type Meta, type Shape, ShapeError, sizeOf, type Tensor } from '../engine/tensor.js';
import { columnSumOp } from './column-sum.js';
import {
  asConvolution,
  expectRows,
  forEachLinearProduct,
  type LinearAttributes,
  type LinearSizes,
  linearSizes,
} from './linear-geometry.js';
import { matrixVariants } from './matrix-variants.js';
import type { ShaderName } from './shaders.generated.js';

/** Attributes of the weight gradient: also the number of groups, which x and dy leave open. */
type WeightAttributes = LinearAttributes & { readonly groups: number };
type Given<A extends LinearAttributes> = Pick<Metas<A>, 'inputs' | 'attrs'>;

const forwardSizes = ({ inputs, attrs }: Given<LinearAttributes>): LinearSizes =>
  linearSizes('linear', need(inputs, 0).shape, need(inputs, 1).shape, attrs);

const dataSizes = ({ inputs, attrs }: Given<LinearAttributes>): LinearSizes => {
  const what = 'linear_data_gradient';
  const [dy, w] = [need(inputs, 0).shape, need(inputs, 1).shape];
  const columns = (w[0] ?? 0) * (w[1] ?? 0) + (attrs.hole?.[1] ?? 0);
  const sizes = linearSizes(what, [dy[0] ?? 0, columns], w, attrs);
  expectRows(what, dy, sizes);
  return sizes;
};

const weightSizes = ({ inputs, attrs }: Given<WeightAttributes>): LinearSizes => {
  const what = 'linear_weight_gradient';
  const [x, dy] = [need(inputs, 0).shape, need(inputs, 1).shape];
  const k = ((x[1] ?? 0) - (attrs.hole?.[1] ?? 0)) / attrs.groups;
  const sizes = linearSizes(what, x, [attrs.groups, k, (dy[1] ?? 0) / attrs.groups], attrs);
  expectRows(what, dy, sizes);
  return sizes;
};

type Sizes = readonly [string, Shape, Shape, LinearAttributes][];

/** The sizes that all three operations are tried on. */
const SIZES: Sizes = [
  ['one', [1, 1], [1, 1, 1], {}],
  ['primes', [3, 37], [1, 37, 5], {}],
  ['quads', [8, 64], [1, 64, 36], {}],
  ['few rows, groups 2', [3, 144], [2, 72, 36], {}],
  ['many rows, groups 3', [37, 36], [3, 12, 8], {}],
  ['head with a hole', [5, 48], [1, 32, 2], { hole: [16, 16] }],
  ['hole at the end', [2, 11], [1, 7, 4], { hole: [7, 4] }],
];

/** Of the forward pass and the data gradient, which on CPU adapters read such weights in place. */
const MANY_WEIGHTS: Sizes = [['more weights than a cache holds, groups 2', [1, 2048], [2, 1024, 516], {}]];

/** Matrix products, and the fusion layer's first at a small batch. */
const BENCHMARKS: Sizes = [
  ['512', [512, 512], [1, 512, 512], {}],
  ['1024', [1024, 1024], [1, 1024, 1024], {}],
  ['8 x 2048 to 1000', [8, 2048], [1, 2048, 1000], {}],
];

/** The obviously right kernel: one thread an element of the result. */
const naive = <A extends LinearAttributes>(
  shader: ShaderName,
  sizes: (call: Given<A>) => LinearSizes,
): Variant<A> => ({
  passes: (call) => {
    const constants = { ACCUMULATE: call.accumulate[0] ?? false, BIAS: call.inputs[2] !== undefined };
    const grid = linearGrid(sizeOf(call.outputs[0]!.shape), 64);
    return [{ shader, constants, params: { ...sizes(call) }, grid }];
  },
});

const cost = ({ rows, groups, k, n }: LinearSizes, { inputs, outputs }: Metas) => ({
  flops: 2 * rows * groups * k * n,
  bytes: trafficOf([...inputs, ...outputs]),
});

export const linearOp = op<LinearAttributes>({
  name: 'linear',
  doc: 'y[r,g,n] = sum_k x[r,g,k] w[g,k,n] + b[g,n]; k skips the columns of the hole',
  inputs: ['x', 'w', 'bias'],
  outputs: ['y'],
  shape: (inputs, attrs) => {
    const { rows, groups, n } = forwardSizes({ inputs, attrs });
    expectBias(inputs[2], groups * n);
    return [f32(rows, groups * n)];
  },
  variants: {
    ...matrixVariants('forward', (call) => asConvolution(forwardSizes(call)), {
      rows: 'x',
      columns: 'w',
      result: 'y',
    }),
    naive: naive('linear-naive', forwardSizes),
  },
  gradient: ({ inputs: [x, w], dys: [dy], attrs, wants, into }) => [
    wants(0) ? linearDataGradientOp.call([dy, w], attrs, [into(0)])[0] : undefined,
    wants(1)
      ? linearWeightGradientOp.call([x, dy], { ...attrs, groups: w!.shape[0]! }, [into(1)])[0]
      : undefined,
    wants(2) ? columnSumOp.call([dy], {}, [into(2)])[0] : undefined,
  ],
  reference: ([x, w, bias], call) => {
    const y = new Float64Array(sizeOf(call.outputs[0]!.shape));
    if (call.inputs[2]) for (let i = 0; i < y.length; i++) y[i] = bias![i % bias!.length]!;
    forEachLinearProduct(forwardSizes(call), (i, j, k) => {
      y[k]! += x![i]! * w![j]!;
    });
    return [y];
  },
  cost: (call) => cost(forwardSizes(call), call),
  cases: cases([...SIZES, ...MANY_WEIGHTS], (x, w, attrs) => {
    const bias = attrs.hole ? undefined : { shape: [w[0]! * w[2]!] };
    return { inputs: [{ shape: x }, { shape: w }, bias], attrs };
  }),
  benchmarks: cases(BENCHMARKS, (x, w, attrs) => {
    const bias = attrs.hole ? undefined : { shape: [w[0]! * w[2]!] };
    return { inputs: [{ shape: x }, { shape: w }, bias], attrs };
  }),
});

export const linearDataGradientOp = op<LinearAttributes>({
  name: 'linear_data_gradient',
  doc: 'dx[r,g,k] = sum_n dy[r,g,n] w[g,k,n]; 0 in the hole',
  inputs: ['dy', 'w'],
  outputs: ['dx'],
  accumulates: ['dx'],
  shape: (inputs, attrs) => {
    const { rows, groups, k, holeLength } = dataSizes({ inputs, attrs });
    return [f32(rows, groups * k + holeLength)];
  },
  variants: {
    ...matrixVariants('data', (call) => asConvolution(dataSizes(call)), {
      rows: 'dy',
      columns: 'w',
      result: 'dx',
    }),
    naive: naive('linear-data-gradient-naive', dataSizes),
  },
  reference: ([dy, w], call) => {
    const dx = new Float64Array(sizeOf(call.outputs[0]!.shape));
    forEachLinearProduct(dataSizes(call), (i, j, k) => {
      dx[i]! += dy![k]! * w![j]!;
    });
    return [dx];
  },
  cost: (call) => cost(dataSizes(call), call),
  cases: cases([...SIZES, ...MANY_WEIGHTS], (x, w, attrs) => ({
    inputs: [{ shape: outputOf(x, w) }, { shape: w }],
    attrs,
  })),
  benchmarks: cases(BENCHMARKS, (x, w, attrs) => ({
    inputs: [{ shape: outputOf(x, w) }, { shape: w }],
    attrs,
  })),
});

export const linearWeightGradientOp = op<WeightAttributes>({
  name: 'linear_weight_gradient',
  doc: 'dw[g,k,n] = sum_r x[r,g,k] dy[r,g,n]',
  inputs: ['x', 'dy'],
  outputs: ['dw'],
  accumulates: ['dw'],
  shape: (inputs, attrs) => {
    const { groups, k, n } = weightSizes({ inputs, attrs });
    return [f32(groups, k, n)];
  },
  variants: {
    ...matrixVariants<WeightAttributes>('weights', (call) => asConvolution(weightSizes(call)), {
      rows: 'x',
      columns: 'dy',
      result: 'dw',
    }),
    naive: naive('linear-weight-gradient-naive', weightSizes),
  },
  reference: ([x, dy], call) => {
    const dw = new Float64Array(sizeOf(call.outputs[0]!.shape));
    forEachLinearProduct(weightSizes(call), (i, j, k) => {
      dw[j]! += x![i]! * dy![k]!;
    });
    return [dw];
  },
  cost: (call) => cost(weightSizes(call), call),
  cases: cases(SIZES, (x, w, attrs) => ({
    inputs: [{ shape: x }, { shape: outputOf(x, w) }],
    attrs: { ...attrs, groups: w[0]! },
  })),
  benchmarks: cases(BENCHMARKS, (x, w, attrs) => ({
    inputs: [{ shape: x }, { shape: outputOf(x, w) }],
    attrs: { ...attrs, groups: w[0]! },
  })),
});

function expectBias(bias: Meta | undefined, columns: number): void {
  if (bias && `${bias.shape}` !== `${columns}`)
    throw new ShapeError(`linear: wants a bias [${columns}], got [${bias.shape}]`);
}

function outputOf(x: Shape, w: Shape): Shape {
  return [x[0]!, w[0]! * w[2]!];
}

function cases<A extends LinearAttributes>(
  list: Sizes,
  make: (x: Shape, w: Shape, attrs: LinearAttributes) => Omit<Case<A>, 'name'>,
): Case<A>[] {
  return list.map(([name, x, w, attrs]) => ({ name, ...make(x, w, attrs) }));
}

/**
 * Fully connected layer by groups: y = x w + b.
 * @param x [rows, groups*k], or [rows, k + length] with a hole
 * @param w [groups, k, n]
 * @param bias [groups*n] or undefined
 * @returns [rows, groups*n]
 * @throws ShapeError when the sizes do not go together
 */
export const linear = (
  x: Tensor,
  w: Tensor,
  bias: Tensor | undefined,
  attrs: LinearAttributes = {},
): Tensor => linearOp.call([x, w, bias], attrs)[0]!;
