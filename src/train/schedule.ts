/** How the learning rate changes: within an epoch by the step, between epochs by the evaluation loss (METHOD 4). */

/**
 * Cosine annealing to zero (Loshchilov & Hutter 2017, eq. 5, without restarts), as torch's CosineAnnealingLR with eta_min 0: past tMax
 * steps the rate swings back up and reaches `base` again at 2 tMax.
 * @param step optimizer steps done since the schedule was made
 */
export function cosineLr(base: number, step: number, tMax = 150): number {
  return (base * (1 + Math.cos((Math.PI * step) / tMax))) / 2;
}

/** The rate that each epoch's cosine starts from, and the evaluation losses since it last changed, at most the last five. */
export interface BaseLr {
  readonly lr: number;
  readonly history: readonly number[];
}

const WINDOW = 5;

/**
 * The base rate after an evaluation: halved, and the history cleared, once five losses are known and any of the last five is higher
 * than the one before it.
 */
export function nextBaseLr({ lr, history }: BaseLr, loss: number): BaseLr {
  const last = [...history, loss].slice(-WINDOW);
  const rises = last.some((value, i) => i > 0 && value > last[i - 1]!);
  return last.length === WINDOW && rises ? { lr: lr / 2, history: [] } : { lr, history: last };
}
