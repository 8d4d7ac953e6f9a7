/** Logistic regression on standardised features, L2-regularised, by Newton's method (iteratively reweighted least squares). */

/** Trained on rows x features `x` with labels 0 or 1; returns the score (log odds) of a row. */
export function logisticRegression(x: readonly number[][], labels: readonly number[], l2 = 1) {
  const columns = x[0]!.map((_, j) => x.map((row) => row[j]!));
  const means = columns.map((column) => column.reduce((a, b) => a + b, 0) / x.length);
  const deviations = columns.map(
    (column, j) => Math.sqrt(column.reduce((a, v) => a + (v - means[j]!) ** 2, 0) / x.length) + 1e-9,
  );
  const prepare = (row: readonly number[]) => [...row.map((v, j) => (v - means[j]!) / deviations[j]!), 1];
  const rows = x.map(prepare);
  const n = rows[0]!.length;
  const weights = new Array<number>(n).fill(0);
  const dot = (row: readonly number[]) => row.reduce((sum, v, j) => sum + v * weights[j]!, 0);

  for (let step = Infinity, iteration = 0; step > 1e-9; iteration++) {
    if (iteration > 50) throw new Error('logistic regression does not converge');
    const gradient = weights.map((w) => l2 * w);
    const hessian = weights.map((_, i) => weights.map((_, j) => (i === j ? l2 : 0)));
    rows.forEach((row, r) => {
      const p = 1 / (1 + Math.exp(-dot(row)));
      for (let i = 0; i < n; i++) {
        gradient[i]! += (p - labels[r]!) * row[i]!;
        const scaled = p * (1 - p) * row[i]!;
        for (let j = 0; j < n; j++) hessian[i]![j]! += scaled * row[j]!;
      }
    });
    const delta = solve(hessian, gradient);
    delta.forEach((d, i) => {
      weights[i]! -= d;
    });
    step = Math.max(...delta.map(Math.abs));
  }
  return (row: readonly number[]) => dot(prepare(row));
}

/** The solution of a symmetric positive definite system, by Gaussian elimination. */
function solve(matrix: readonly number[][], right: readonly number[]): number[] {
  const a = matrix.map((row, i) => [...row, right[i]!]);
  const n = a.length;
  for (let k = 0; k < n; k++)
    for (let i = k + 1; i < n; i++) {
      const factor = a[i]![k]! / a[k]![k]!;
      for (let j = k; j <= n; j++) a[i]![j]! -= factor * a[k]![j]!;
    }
  const solution = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = a[i]![n]!;
    for (let j = i + 1; j < n; j++) sum -= a[i]![j]! * solution[j]!;
    solution[i] = sum / a[i]![i]!;
  }
  return solution;
}
