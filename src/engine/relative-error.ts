import type { NumberArray } from './tensor.js';

/** Largest difference relative to the largest expected value; infinite where a value is not a number. */
export function relativeError(got: NumberArray, want: NumberArray): number {
  let scale = 0;
  let error = 0;
  want.forEach((value, i) => {
    const difference = Math.abs(got[i]! - value);
    error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(error, difference);
    scale = Math.max(scale, Math.abs(value));
  });
  return error === 0 ? 0 : error / Math.max(scale, 1e-30);
}
