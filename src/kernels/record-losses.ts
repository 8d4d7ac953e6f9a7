import { need, op } from '../engine/op.js';
import { type Meta, sizeOf, type Tensor } from '../engine/tensor.js';
import { demand, is } from './demand.js';

/** Columns of the ring: total, ce, gil, lil, w_0, w_1, w_2, 0. */
export const RECORD_COLUMNS = 8;

function check(inputs: readonly (Meta | undefined)[]): void {
  const [total, ce, gil, lil, weights, ring, slot, flag] = inputs;
  const scalars = [total, ce, gil ?? ce, lil ?? ce].every((loss) => is(loss, [1]));
  const places = ring?.shape.length === 2 && ring.shape[1] === RECORD_COLUMNS && is(slot, [1], 'u32');
  demand(
    scalars && sizeOf(weights?.shape ?? [0]) <= 3 && places && is(flag, [1], 'u32'),
    'recordLosses',
    'losses [1], at most 3 weights, ring [R, 8], slot u32 [1], flag u32 [1]',
    inputs,
  );
}

export const recordLossesOp = op({
  name: 'record_losses',
  doc: 'ring[slot mod R] = [total, ce, gil, lil, w0, w1, w2, 0]; flag |= 1 where the total is not finite',
  inputs: ['total', 'ce', 'gil', 'lil', 'weights', 'ring', 'slot', 'flag'],
  outputs: [],
  mutates: ['ring', 'flag'],
  shape: (inputs) => {
    check(inputs);
    return [];
  },
  variants: {
    naive: {
      passes: ({ inputs }) => {
        const [, , gil, lil, weights] = inputs;
        const constants = {
          HAS_GIL: gil !== undefined,
          HAS_LIL: lil !== undefined,
          WEIGHTS: weights ? sizeOf(weights.shape) : 0,
        };
        const rows = need(inputs, 5).shape[0]!;
        return [{ shader: 'record-losses', constants, params: { rows }, grid: [1, 1, 1] }];
      },
    },
  },
  reference: ([total, ce, gil, lil, weights, ring, slot, flag]) => {
    const at = RECORD_COLUMNS * (slot![0]! % (ring!.length / RECORD_COLUMNS));
    const row = [total![0]!, ce![0]!, gil?.[0] ?? 0, lil?.[0] ?? 0, ...(weights ?? [])];
    const filled = ring!.slice();
    filled.fill(0, at, at + RECORD_COLUMNS).set(row, at);
    return [filled, Float64Array.of(flag![0]! | (Number.isFinite(total![0]!) ? 0 : 1))];
  },
  cost: () => ({ flops: 0, bytes: 2 * 4 * RECORD_COLUMNS }),
  cases: [
    { name: 'all', gil: true, lil: true, weights: 3, slot: 4, flag: 0 },
    { name: 'ce alone', gil: false, lil: false, weights: 0, slot: 0, flag: 0 },
    { name: 'ce and lil, flag up, round the ring', gil: false, lil: true, weights: 2, slot: 12, flag: 1 },
  ].map(({ name, gil, lil, weights, slot, flag }) => ({
    name,
    inputs: [
      { shape: [1] },
      { shape: [1] },
      gil ? { shape: [1] } : undefined,
      lil ? { shape: [1] } : undefined,
      weights ? { shape: [weights] } : undefined,
      { shape: [5, RECORD_COLUMNS] },
      { shape: [1], dtype: 'u32' as const, values: [slot] },
      { shape: [1], dtype: 'u32' as const, values: [flag] },
    ],
    attrs: {},
  })),
});

/**
 * Writes [total, ce, gil, lil, w_0, w_1, w_2, 0] (0 for what is absent) to a row of the ring, and raises the flag for good when the
 * total is not finite; the optimizers then write nothing.
 * @param weights the learned w_k, if any: [K], K at most 3
 * @param ring [R, 8]
 * @param slot u32 [1]: the row, modulo R
 * @param flag u32 [1]
 */
export function recordLosses(
  losses: RecordedLosses,
  weights: Tensor | undefined,
  ring: Tensor,
  slot: Tensor,
  flag: Tensor,
): void {
  recordLossesOp.call([losses.total, losses.ce, losses.gil, losses.lil, weights, ring, slot, flag], {});
}

/** What a step's record holds, each [1]. */
export interface RecordedLosses {
  readonly total: Tensor;
  readonly ce: Tensor;
  readonly gil?: Tensor | undefined;
  readonly lil?: Tensor | undefined;
}
