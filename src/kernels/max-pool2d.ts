import { type Case, type CaseInput, f32, need, op, trafficOf } from '../engine/op.js';
import { type Shape, ShapeError, sizeOf, type Tensor } from '../engine/tensor.js';
import { widthFor } from './blocks.js';

export type MaxPoolOptions = { readonly kernel: number; readonly stride: number; readonly pad: number };
type GradientAttributes = MaxPoolOptions & { readonly height: number; readonly width: number };

export const maxPool2dOp = op<MaxPoolOptions>({
  name: 'max_pool2d',
  doc: 'y = the largest value of each kernel x kernel window; place = its tap in the window, the first of equals',
  inputs: ['x'],
  outputs: ['y', 'place'],
  shape: (inputs, options) => {
    const { shape } = need(inputs, 0);
    const out = outputShape(shape, options);
    return [f32(...out), { shape: out, dtype: 'u32' }];
  },
  variants: {
    gather: {
      passes: ({ inputs, outputs, attrs }) => {
        const [x, y] = [need(inputs, 0).shape, need(outputs, 0).shape];
        const { constants, params } = geometry(x, y, attrs);
        return [{ shader: 'max-pool2d', constants, params, grid: pixelGrid(y, params.columns) }];
      },
    },
  },
  gradient: ({ inputs: [x], outputs: [, place], dys: [dy], attrs }) => {
    const [, height, width] = x!.shape;
    return maxPool2dGradientOp.call([place, dy], { ...attrs, height: height!, width: width! });
  },
  reference: ([x], { inputs, outputs, attrs }) => {
    const y = new Float64Array(sizeOf(need(outputs, 0).shape)).fill(Number.NEGATIVE_INFINITY);
    const place = new Float64Array(y.length);
    eachTap(need(inputs, 0).shape, need(outputs, 0).shape, attrs, (from, to, tap) => {
      if (x![from]! <= y[to]!) return;
      y[to] = x![from]!;
      place[to] = tap;
    });
    return [y, place];
  },
  cost: ({ inputs, outputs, attrs }) => ({
    flops: attrs.kernel ** 2 * sizeOf(need(outputs, 0).shape),
    bytes: trafficOf([...inputs, ...outputs]),
  }),
  cases: [
    poolCase([1, 1, 1, 1], { kernel: 3, stride: 2, pad: 1 }),
    poolCase([2, 7, 8, 3], { kernel: 3, stride: 2, pad: 1 }),
    poolCase([2, 6, 5, 8], { kernel: 3, stride: 2, pad: 1 }),
    poolCase([1, 5, 9, 4], { kernel: 2, stride: 2, pad: 0 }),
    poolCase([1, 6, 7, 2], { kernel: 3, stride: 1, pad: 1 }),
    poolCase([1, 9, 8, 1], { kernel: 2, stride: 3, pad: 0 }),
    {
      ...poolCase([1, 6, 6, 4], { kernel: 3, stride: 2, pad: 1 }, [-2, -2, -3]),
      name: 'ties',
      gradients: [],
    },
  ],
  tolerance: 1e-7,
});

export const maxPool2dGradientOp = op<GradientAttributes>({
  name: 'max_pool2d_gradient',
  doc: 'dx = the sum of dy over the windows that chose the pixel',
  inputs: ['place', 'dy'],
  outputs: ['dx'],
  shape: (inputs, { height, width }) => {
    const [batch, , , channels] = need(inputs, 1).shape;
    return [f32(batch!, height, width, channels!)];
  },
  variants: {
    gather: {
      passes: ({ inputs, outputs, attrs }) => {
        const [y, x] = [need(inputs, 1).shape, need(outputs, 0).shape];
        const { constants, params } = geometry(x, y, attrs);
        const { stride: _, ...rest } = params;
        const { kernel, stride, pad } = attrs;
        const blocks = (side: number): number => Math.ceil((side + pad) / stride);
        return [
          {
            shader: 'max-pool2d-gradient',
            constants: { ...constants, STRIDE: stride, REACH: Math.ceil(kernel / stride) },
            params: rest,
            grid: pixelGrid([x[0]!, blocks(x[1]!), blocks(x[2]!)], params.columns),
          },
        ];
      },
    },
  },
  reference: ([place, dy], { inputs, outputs, attrs }) => {
    const dx = new Float64Array(sizeOf(need(outputs, 0).shape));
    eachTap(need(outputs, 0).shape, need(inputs, 1).shape, attrs, (from, to, tap) => {
      if (place![to] === tap) dx[from]! += dy![to]!;
    });
    return [dx];
  },
  cost: ({ inputs, outputs }) => ({
    flops: sizeOf(need(inputs, 1).shape),
    bytes: trafficOf([...inputs, ...outputs]),
  }),
  cases: [
    gradientCase([2, 7, 8, 3], { kernel: 3, stride: 2, pad: 1 }),
    gradientCase([2, 6, 5, 8], { kernel: 3, stride: 2, pad: 1 }),
    gradientCase([1, 6, 7, 2], { kernel: 3, stride: 1, pad: 1 }),
    gradientCase([1, 9, 8, 1], { kernel: 2, stride: 3, pad: 0 }),
  ],
});

function outputShape(shape: Shape, { kernel, stride, pad }: MaxPoolOptions): number[] {
  const [batch, height, width, channels] = shape;
  if (shape.length !== 4) throw new ShapeError(`maxPool2d: wants x [B,H,W,C], got [${shape}]`);
  if (2 * pad > kernel)
    throw new ShapeError(
      `maxPool2d: wants a pad of at most half the kernel, got pad ${pad} with kernel ${kernel}`,
    );
  const out = (side: number): number => Math.floor((side + 2 * pad - kernel) / stride) + 1;
  if (out(height!) < 1 || out(width!) < 1)
    throw new ShapeError(`maxPool2d: a window of ${kernel} does not fit x [${shape}] with pad ${pad}`);
  return [batch!, out(height!), out(width!), channels!];
}

function geometry(
  [, height, width, channels]: Shape,
  [, outHeight, outWidth]: Shape,
  options: MaxPoolOptions,
) {
  const vector = widthFor(channels!);
  return {
    constants: { VEC: vector, KERNEL: options.kernel },
    params: {
      height: height!,
      width: width!,
      out_height: outHeight!,
      out_width: outWidth!,
      columns: channels! / vector,
      stride: options.stride,
      pad: options.pad,
    },
  };
}

/** A thread for each column of each pixel. */
const pixelGrid = ([batch, height, width]: Shape, columns: number): [number, number, number] => [
  Math.ceil((width! * columns) / 256),
  height!,
  batch!,
];

/** Calls back for each pair of an input and an output element that share a window, taps in row-major order. */
function eachTap(
  [batch, height, width, channels]: Shape,
  [, outHeight, outWidth]: Shape,
  { kernel, stride, pad }: MaxPoolOptions,
  visit: (from: number, to: number, tap: number) => void,
): void {
  for (let b = 0; b < batch!; b++)
    for (let oy = 0; oy < outHeight!; oy++)
      for (let ox = 0; ox < outWidth!; ox++)
        for (let tap = 0; tap < kernel ** 2; tap++) {
          const h = oy * stride - pad + Math.floor(tap / kernel);
          const w = ox * stride - pad + (tap % kernel);
          if (h < 0 || h >= height! || w < 0 || w >= width!) continue;
          const from = ((b * height! + h) * width! + w) * channels!;
          const to = ((b * outHeight! + oy) * outWidth! + ox) * channels!;
          for (let c = 0; c < channels!; c++) visit(from + c, to + c, tap);
        }
}

function poolCase(shape: Shape, options: MaxPoolOptions, values?: readonly number[]): Case<MaxPoolOptions> {
  // All below zero, so that a padding of zeros would win.
  const x: CaseInput = values ? { shape, values } : { shape, low: -3, high: -1, spread: true };
  return {
    name: `${shape} k${options.kernel} s${options.stride} p${options.pad}`,
    inputs: [x],
    attrs: options,
  };
}

function gradientCase(shape: Shape, options: MaxPoolOptions): Case<GradientAttributes> {
  const out = outputShape(shape, options);
  const place: CaseInput = { shape: out, dtype: 'u32', high: options.kernel ** 2 };
  return {
    name: `${shape} k${options.kernel} s${options.stride} p${options.pad}`,
    inputs: [place, { shape: out }],
    attrs: { ...options, height: shape[1]!, width: shape[2]! },
  };
}

/** Largest value of each window of x [B,H,W,C], as PyTorch's max_pool2d. @throws ShapeError if no window fits */
export const maxPool2d = (x: Tensor, options: MaxPoolOptions): Tensor => maxPool2dOp.call([x], options)[0]!;
