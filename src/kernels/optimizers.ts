import { type Call, type Case, need, op, trafficOf } from '../engine/op.js';
import { type Meta, sizeOf, type Tensor } from '../engine/tensor.js';
import { demand, is } from './demand.js';
import { stretches } from './stretch.js';

/** How an optimizer's kernel walks flat buffers of `size` values: four at once where their number allows it. */
function layout(size: number, call: Pick<Call, 'capabilities'>) {
  const VEC4 = size % 4 === 0;
  const { constants, ...shares } = stretches(VEC4 ? size / 4 : size, call);
  return { constants: { ...constants, VEC4 }, ...shares };
}

/** Checks that the flat tensors are all [N], and hyper and flag what they must be. */
function check(
  name: string,
  flat: readonly (Meta | undefined)[],
  hyper: Meta | undefined,
  flag: Meta | undefined,
): void {
  const size = sizeOf(need(flat, 0).shape);
  demand(
    flat.every((meta) => is(meta, [size])) && is(hyper, [4]) && is(flag, [1], 'u32'),
    name,
    'parameters, gradients and moments of one size [N], hyper [4], flag u32 [1]',
    [...flat, hyper, flag],
  );
}

export type AdamAttributes = {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** L2 decay, added to the gradient. */
  readonly weightDecay: number;
};

export const adamOp = op<AdamAttributes>({
  name: 'adam',
  doc: 'm, v: moving means of g + decay * p and of its square; p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)',
  inputs: ['parameters', 'gradients', 'm', 'v', 'hyper', 'flag'],
  outputs: [],
  mutates: ['parameters', 'm', 'v'],
  shape: (inputs) => {
    check('adam', inputs.slice(0, 4), inputs[4], inputs[5]);
    return [];
  },
  variants: {
    naive: {
      passes: (call) => {
        const { constants, params, grid } = layout(sizeOf(need(call.inputs, 0).shape), call);
        const { beta1, beta2, epsilon, weightDecay } = call.attrs;
        const rates = { beta1, beta2, rest1: 1 - beta1, rest2: 1 - beta2, epsilon, weightDecay };
        return [{ shader: 'adam', constants, params: { ...params, ...rates }, grid }];
      },
    },
  },
  reference: ([parameters, gradients, m, v, hyper, flag], { attrs }) => {
    if (flag![0]) return [parameters!, m!, v!];
    const { beta1, beta2, epsilon, weightDecay } = attrs;
    const [rate, correction1, correction2] = hyper as unknown as [number, number, number];
    const g = gradients!.map((value, i) => value + weightDecay * parameters![i]!);
    const mean = m!.map((value, i) => beta1 * value + (1 - beta1) * g[i]!);
    const square = v!.map((value, i) => beta2 * value + (1 - beta2) * g[i]! ** 2);
    const moved = parameters!.map(
      (value, i) =>
        value - ((rate / correction1) * mean[i]!) / (Math.sqrt(square[i]!) / correction2 + epsilon),
    );
    return [moved, mean, square];
  },
  cost: ({ inputs }) => ({
    flops: 16 * sizeOf(need(inputs, 0).shape),
    bytes: trafficOf([...inputs, inputs[0], inputs[2], inputs[3]]),
  }),
  cases: [adamCase(1), adamCase(1031), adamCase(70_000), adamCase(64, 1)],
  benchmarks: [adamCase(20_000_000)],
});

function adamCase(n: number, flag = 0): Case<AdamAttributes> {
  return {
    name: `${n}${flag ? ' flag up' : ''}`,
    inputs: [
      { shape: [n] },
      { shape: [n] },
      { shape: [n] },
      { shape: [n], low: 0 },
      { shape: [4], values: [1e-3, 1 - 0.9 ** 3, Math.sqrt(1 - 0.999 ** 3), 0] },
      { shape: [1], dtype: 'u32', values: [flag] },
    ],
    attrs: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-2 },
  };
}

/** One range of trained parameters with Adam's state, flat [N]. */
export interface AdamGroup {
  readonly parameters: Tensor;
  readonly gradients: Tensor;
  /** Moving mean of the gradient. */
  readonly m: Tensor;
  /** Moving mean of the squared gradient. */
  readonly v: Tensor;
}

/**
 * One step of Adam as torch.optim.Adam does it (Kingma and Ba 2015, L2 decay in the gradient); updates parameters, m and v in place.
 * @param hyper [4]: learning rate, 1 - beta1^t, sqrt(1 - beta2^t), unused; t counts steps from 1
 * @param flag u32 [1]: nothing is written unless it is 0
 */
export const adam = (group: AdamGroup, hyper: Tensor, flag: Tensor, attrs: AdamAttributes): void => {
  adamOp.call([group.parameters, group.gradients, group.m, group.v, hyper, flag], attrs);
};

export type SgdAttributes = {
  readonly momentum: number;
  readonly nesterov: boolean;
  /** L2 decay, added to the gradient. */
  readonly weightDecay: number;
};

export const sgdOp = op<SgdAttributes>({
  name: 'sgd',
  doc: 'd = g + decay * p; velocity = momentum * velocity + d; p -= lr * (nesterov ? d + momentum * velocity : velocity)',
  inputs: ['parameters', 'gradients', 'velocity', 'hyper', 'flag'],
  outputs: [],
  mutates: ['parameters', 'velocity'],
  shape: (inputs) => {
    check('sgd', inputs.slice(0, 3), inputs[3], inputs[4]);
    return [];
  },
  variants: {
    naive: {
      passes: (call) => {
        const { constants, params, grid } = layout(sizeOf(need(call.inputs, 0).shape), call);
        const { momentum, nesterov, weightDecay } = call.attrs;
        return [
          {
            shader: 'sgd',
            constants: { ...constants, NESTEROV: nesterov },
            params: { ...params, momentum, weightDecay },
            grid,
          },
        ];
      },
    },
  },
  reference: ([parameters, gradients, velocity, hyper, flag], { attrs }) => {
    if (flag![0]) return [parameters!, velocity!];
    const { momentum, nesterov, weightDecay } = attrs;
    const d = gradients!.map((value, i) => value + weightDecay * parameters![i]!);
    const speed = velocity!.map((value, i) => momentum * value + d[i]!);
    const step = nesterov ? d.map((value, i) => value + momentum * speed[i]!) : speed;
    return [parameters!.map((value, i) => value - hyper![0]! * step[i]!), speed];
  },
  cost: ({ inputs }) => ({
    flops: 6 * sizeOf(need(inputs, 0).shape),
    bytes: trafficOf([...inputs, inputs[0], inputs[2]]),
  }),
  cases: [
    { n: 1, momentum: 0, nesterov: false, flag: 0 },
    { n: 1031, momentum: 0.9, nesterov: true, flag: 0 },
    { n: 70_000, momentum: 0.9, nesterov: false, flag: 0 },
    { n: 64, momentum: 0.9, nesterov: false, flag: 1 },
  ].map(({ n, momentum, nesterov, flag }) => ({
    name: `${n} momentum ${momentum}${nesterov ? ' nesterov' : ''}${flag ? ' flag up' : ''}`,
    inputs: [
      { shape: [n] },
      { shape: [n] },
      { shape: [n] },
      { shape: [4], values: [0.1, 0, 0, 0] },
      { shape: [1], dtype: 'u32' as const, values: [flag] },
    ],
    attrs: { momentum, nesterov, weightDecay: 1e-2 },
  })),
});

/** One range of trained parameters with its velocity (0 before the first step), flat [N]. */
export interface SgdGroup {
  readonly parameters: Tensor;
  readonly gradients: Tensor;
  readonly momentum: Tensor;
}

/**
 * One step of stochastic gradient descent as torch.optim.SGD does it, without dampening; updates parameters and velocity in place.
 * @param hyper [4]: learning rate, then three unused, as Adam's
 * @param flag u32 [1]: nothing is written unless it is 0
 */
export const sgd = (group: SgdGroup, hyper: Tensor, flag: Tensor, attrs: SgdAttributes): void => {
  sgdOp.call([group.parameters, group.gradients, group.momentum, hyper, flag], attrs);
};

/**
 * Cuts a flat buffer into pieces that fit a binding: what an optimizer visits one after the other. Pieces start on 256 bytes.
 * @param elements f32 values in the buffer
 * @param maxBytes the adapter's maxStorageBufferBindingSize; by default what every WebGPU device has
 */
export function ranges(elements: number, maxBytes = 2 ** 27): { offset: number; length: number }[] {
  const most = Math.floor(maxBytes / 256) * 64;
  return Array.from({ length: Math.ceil(elements / most) }, (_, i) => ({
    offset: i * most,
    length: Math.min(most, elements - i * most),
  }));
}
