/** One compared quantity of `clew verify`. */
export interface VerifyRow {
  readonly file: string;
  readonly name: string;
  readonly quantity: string;
  readonly error: number;
  readonly tolerance: number;
  readonly ok: boolean;
  /** Of a row replayed from the reference's state: the error of the run that was left to itself. */
  readonly freeRunning?: number;
}

export const row = (
  file: string,
  name: string,
  quantity: string,
  error: number,
  tolerance: number,
): VerifyRow => ({
  file,
  name,
  quantity,
  error,
  tolerance,
  ok: error <= tolerance,
});

export const norm = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return Math.sqrt(sum);
};

/** Largest absolute difference; infinite where something is missing or not a number. */
export function largestDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const difference = Math.abs(got[i]! - want[i]!);
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  }
  return worst;
}

export const largest = (values: ArrayLike<number>): number => {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
};

export const relative = (got: number, want: number): number => {
  const error = Math.abs(got - want) / Math.max(Math.abs(want), 1e-300);
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
};
