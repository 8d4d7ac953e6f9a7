/** Sinkhorn's algorithm in plain float64, and its gradient: the words of METHOD 3, pair by pair. */
export interface Problem {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly points: number;
  readonly dimensions: number;
  /** m = log of a point's weight. */
  readonly logMarginal: number;
  readonly epsilon: number;
  readonly iterations: number;
  readonly threshold: number;
}

/** Inside the logarithm; there is no shift by the maximum, so it matters. */
const FLOOR = 1e-6;

export interface Solution {
  /** [iterations, 4, B]: u, v, and the sums whose logarithms moved u and v; 0 for iterations that were not done. */
  readonly history: Float64Array;
  /** Iterations done. */
  readonly count: number;
}

/** C_ij = |x_i - y_j|^2. */
function pairCost({ x, y, dimensions }: Problem, i: number, j: number): number {
  let sum = 0;
  for (let d = 0; d < dimensions; d++) sum += (x[i * dimensions + d]! - y[j * dimensions + d]!) ** 2;
  return sum;
}

/** u <- eps (m - lse_j M) + u, then v <- eps (m - lse_i M) + v with the new u, until u hardly moves. */
export function solve(given: Problem): Solution {
  const { points, epsilon, logMarginal, iterations, threshold } = given;
  const history = new Float64Array(iterations * 4 * points);
  let [u, v] = [new Float64Array(points), new Float64Array(points)];
  for (let k = 0; k < iterations; k++) {
    const [u0, v0] = [u, v];
    const exp = (i: number, j: number): number =>
      Math.exp((-pairCost(given, i, j) + u[i]! + v[j]!) / epsilon);
    const rows = u.map((_, i) => sumOver(points, (j) => exp(i, j)) + FLOOR);
    u = u0.map((value, i) => epsilon * (logMarginal - Math.log(rows[i]!)) + value);
    const columns = v.map((_, j) => sumOver(points, (i) => exp(i, j)) + FLOOR);
    v = v0.map((value, j) => epsilon * (logMarginal - Math.log(columns[j]!)) + value);
    [u, v, rows, columns].forEach((row, r) => {
      history.set(row, (4 * k + r) * points);
    });
    if (sumOver(points, (i) => Math.abs(u[i]! - u0[i]!)) < threshold) return { history, count: k + 1 };
  }
  return { history, count: iterations };
}

function sumOver(n: number, term: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += term(i);
  return sum;
}

/** Row r of iteration k of a history; zeros before the first iteration. */
const rowOf = (history: Float64Array, k: number, r: number, points: number): Float64Array =>
  k < 0 ? new Float64Array(points) : history.subarray((4 * k + r) * points, (4 * k + r + 1) * points);

/** sum_ij exp(M_ij) C_ij. */
export function transportCost(given: Problem, { history, count }: Solution): number {
  const { points, epsilon } = given;
  const [u, v] = [rowOf(history, count - 1, 0, points), rowOf(history, count - 1, 1, points)];
  return sumOver(points, (i) =>
    sumOver(points, (j) => {
      const c = pairCost(given, i, j);
      return Math.exp((-c + u[i]! + v[j]!) / epsilon) * c;
    }),
  );
}

/** Gradients of `dcost` * cost with respect to x and y, back through the iterations done. */
export function costGradient(
  given: Problem,
  { history, count }: Solution,
  dcost: number,
): [Float64Array, Float64Array] {
  const { points, epsilon, dimensions, x, y } = given;
  const dC = new Float64Array(points * points);
  const [du, dv] = [new Float64Array(points), new Float64Array(points)];
  const pairs = (
    u: Float64Array,
    v: Float64Array,
    visit: (i: number, j: number, e: number, c: number) => void,
  ) => {
    for (let i = 0; i < points; i++)
      for (let j = 0; j < points; j++) {
        const c = pairCost(given, i, j);
        visit(i, j, Math.exp((-c + u[i]! + v[j]!) / epsilon), c);
      }
  };
  const row = (k: number, r: number): Float64Array => rowOf(history, k, r, points);
  pairs(row(count - 1, 0), row(count - 1, 1), (i, j, e, c) => {
    dC[i * points + j]! += dcost * e * (1 - c / epsilon);
    du[i]! += (dcost * e * c) / epsilon;
    dv[j]! += (dcost * e * c) / epsilon;
  });
  for (let k = count - 1; k >= 0; k--) {
    const [rows, columns, dv0, du0] = [row(k, 2), row(k, 3), dv.slice(), du];
    dv.set(dv0.map((value, j) => (value * FLOOR) / columns[j]!));
    pairs(row(k, 0), row(k - 1, 1), (i, j, e) => {
      const g = (dv0[j]! * e) / columns[j]!;
      dC[i * points + j]! += g;
      du0[i]! -= g;
    });
    pairs(row(k - 1, 0), row(k - 1, 1), (i, j, e) => {
      const g = (du[i]! * e) / rows[i]!;
      dC[i * points + j]! += g;
      dv[j]! -= g;
    });
    du.set(du.map((value, i) => (value * FLOOR) / rows[i]!));
  }
  const [dx, dy] = [new Float64Array(x.length), new Float64Array(y.length)];
  for (let i = 0; i < points; i++)
    for (let j = 0; j < points; j++)
      for (let d = 0; d < dimensions; d++) {
        const g = 2 * dC[i * points + j]! * (x[i * dimensions + d]! - y[j * dimensions + d]!);
        dx[i * dimensions + d]! += g;
        dy[j * dimensions + d]! -= g;
      }
  return [dx, dy];
}
