import { type Call, type Case, type CaseInput, f32, need, op, type Pass, trafficOf } from '../engine/op.js';
import { sizeOf } from '../engine/tensor.js';
import { type Activation, activate } from './batch-norm-gradient.js';
import { type Blocks, blocksFor, elementwise, matrixOf, widthFor } from './blocks.js';

type ApplyAttributes = { readonly activation: Activation };

export const batchNormApplyOp = op<ApplyAttributes>({
  name: 'batch_norm_apply',
  doc: 'y of batch_norm_train once more, by the moments that it found: recomputed in the backward pass instead of kept',
  inputs: ['x', 'weight', 'bias', 'mean', 'rstd', 'residual'],
  outputs: ['y'],
  shape: ([x]) => [f32(...need([x], 0).shape)],
  variants: {
    rows: {
      passes: (call) => {
        const matrix = matrixOf(need(call.inputs, 0).shape);
        return [applyPass(call, blocksFor(matrix, widthFor(matrix.channels), call), {})];
      },
    },
  },
  reference: ([x, weight, bias, mean, rstd, residual], { attrs }) => [
    normalise({ x, weight, bias, mean, rstd, residual }, attrs.activation),
  ],
  cost: ({ inputs, outputs }) => ({
    flops: 4 * sizeOf(need(inputs, 0).shape),
    bytes: trafficOf([inputs[0], inputs[5], outputs[0]]),
  }),
  cases: [
    applyCase([1, 1], 'none'),
    applyCase([3, 5, 7, 2], 'relu'),
    applyCase([2, 3, 5, 8], 'swish'),
    applyCase([2, 7, 5, 12], 'relu', true),
  ],
});

/** The normalisation itself; the names under which the call knows the statistics are in `bind`. */
export function applyPass(
  call: Call<{ readonly activation: Activation }>,
  blocks: Blocks,
  bind: Record<string, string>,
): Pass {
  const { activation } = call.attrs;
  const { constants, ...shares } = elementwise(matrixOf(need(call.inputs, 0).shape), blocks);
  return {
    shader: 'batch-norm-apply',
    constants: {
      ...constants,
      RELU: activation === 'relu',
      SWISH: activation === 'swish',
      RESIDUAL: call.inputs[5] !== undefined,
    },
    ...shares,
    bind,
  };
}

type Values = Float64Array | undefined;

export function normalise(
  {
    x,
    weight,
    bias,
    mean,
    rstd,
    residual,
  }: Record<'x' | 'weight' | 'bias' | 'mean' | 'rstd' | 'residual', Values>,
  activation: Activation,
): Float64Array {
  const channels = weight!.length;
  return x!.map((value, i) => {
    const c = i % channels;
    const normal = (value - mean![c]!) * rstd![c]! * weight![c]! + bias![c]!;
    return activate(normal + (residual?.[i] ?? 0), activation);
  });
}

export function caseName(shape: readonly number[], activation: Activation, residual: boolean): string {
  return `${shape} ${activation}${residual ? ' residual' : ''}`;
}

/** x, weight, bias, mean, variance or its inverse root, residual. */
export function caseInputs(shape: readonly number[], residual: boolean): (CaseInput | undefined)[] {
  const channel: CaseInput = { shape: [shape.at(-1)!] };
  const scale: CaseInput = { ...channel, low: 0.5, high: 2 };
  return [{ shape, low: -1, high: 2 }, scale, channel, channel, scale, residual ? { shape } : undefined];
}

function applyCase(
  shape: readonly number[],
  activation: Activation,
  residual = false,
): Case<ApplyAttributes> {
  const name = caseName(shape, activation, residual);
  return { name, inputs: caseInputs(shape, residual), attrs: { activation } };
}
