import { type Case, f32, linearGrid, type Metas, need, op, trafficOf } from '../engine/op.js';
import { type Meta, type Shape, ShapeError, sizeOf, type Tensor } from '../engine/tensor.js';
import { hash32, keyOf } from '../rng.js';

/** `rate`: share of zeros, in [0, 1). `key`: the tensor's own stream of random numbers, 32 bits. */
export type DropoutOptions = { readonly rate: number; readonly key: number };

/** A clock for cases. */
export const CLOCK = { shape: [3], dtype: 'u32', values: [4_000_000_007, 3, 141] } as const;

export const dropoutOp = op<DropoutOptions>({
  name: 'dropout',
  doc: 'y = x / (1 - rate) with probability 1 - rate, else 0 (Srivastava et al. 2014); the same mask for the same clock and key',
  inputs: ['x', 'clock'],
  outputs: ['y'],
  shape: (inputs, { rate }) => {
    checkDraw('dropout', rate, need(inputs, 1));
    return [f32(...need(inputs, 0).shape)];
  },
  variants: {
    hash: {
      passes: ({ inputs, attrs }) => {
        const size = sizeOf(need(inputs, 0).shape);
        const params = { size, ...drawParams(attrs) };
        return [{ shader: 'dropout', params, grid: linearGrid(size, 1024) }];
      },
    },
  },
  gradient: ({ inputs: [, clock], dys: [dy], attrs }): Tensor[] => dropoutOp.call([dy, clock], attrs),
  reference: ([x, clock], { attrs }) => {
    const factor = mask(clock!, attrs);
    return [x!.map((value, i) => value * factor(i))];
  },
  cost,
  cases: [
    dropoutCase([1], 0.5),
    dropoutCase([7, 1000], 0.5),
    dropoutCase([3, 5, 7, 2], 0.2),
    dropoutCase([257], 0),
    dropoutCase([1030], 0.9),
  ],
  tolerance: 1e-6,
});

/** Refuses a rate or a clock that cannot be. */
export function checkDraw(name: string, rate: number, clock: Meta): void {
  if (!(rate >= 0 && rate < 1)) throw new ShapeError(`${name}: wants a rate in [0, 1), got ${rate}`);
  if (clock.dtype !== 'u32' || sizeOf(clock.shape) < 3)
    throw new ShapeError(
      `${name}: wants the clock as u32 [seed, epoch, step], got ${clock.dtype} [${clock.shape}]`,
    );
}

/** Kept when a 32-bit random number is at least the threshold. */
const threshold = (rate: number): number => Math.floor(rate * 2 ** 32);

/** The fields of a shader's Params that decide what is kept. */
export const drawParams = ({ rate, key }: DropoutOptions) => ({
  key,
  threshold: threshold(rate),
  scale: 1 / (1 - rate),
});

/** Factor of element i: 0 or 1 / (1 - rate). */
export function mask(
  [seed, epoch, step]: Float64Array,
  { rate, key }: DropoutOptions,
): (i: number) => number {
  const stream = keyOf(seed!, epoch!, step!, key);
  return (i) => (hash32(stream ^ hash32(i)) >= threshold(rate) ? 1 / (1 - rate) : 0);
}

export function cost({ inputs, outputs }: Metas): { flops: number; bytes: number } {
  return { flops: sizeOf(need(outputs, 0).shape), bytes: trafficOf([inputs[0], outputs[0]]) };
}

function dropoutCase(shape: Shape, rate: number): Case<DropoutOptions> {
  const inputs = [{ shape, awayFromZero: 0.1 }, CLOCK];
  return { name: `${shape} rate ${rate}`, inputs, attrs: { rate, key: 0xdeadbeef } };
}

/** Zeroes a share `rate` of x and scales the rest by 1 / (1 - rate). @param clock u32 [seed, epoch, step] */
export const dropout = (x: Tensor, clock: Tensor, options: DropoutOptions): Tensor =>
  dropoutOp.call([x, clock], options)[0]!;
