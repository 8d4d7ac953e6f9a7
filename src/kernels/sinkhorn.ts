import { f32, type Metas, need, op, type Pass } from '../engine/op.js';
import type { Meta, Tensor } from '../engine/tensor.js';
import { demand, is } from './demand.js';
import { costGradient, type Problem, solve, transportCost } from './sinkhorn-reference.js';

export type SinkhornAttributes = {
  readonly epsilon: number;
  /** At most this many. */
  readonly iterations: number;
  /** Stops after the iteration in which sum |u - u before| falls below this. */
  readonly threshold: number;
};

/** METHOD 3's settings. */
const DEFAULTS: SinkhornAttributes = { epsilon: 0.01, iterations: 100, threshold: 0.1 };

/** Points a side: a dispatch evaluates all pairs, and must stay far below the 2 s after which some drivers give up. */
export const MAX_POINTS = 4096;
const MAX_DIMENSIONS = 8;
const PAIRS_PER_DISPATCH = 2e7;
/** Up to here one workgroup holds all rows and runs many half-steps in a dispatch. */
const SINGLE_GROUP = 128;
const THREADS = 256;
const LANES = 32;

/** Rows of `history` for each iteration: u and v after it, and the sums whose logarithms moved them. */
const HISTORY_ROWS = 4;

function check([x, y]: readonly (Meta | undefined)[], { epsilon, iterations }: SinkhornAttributes): void {
  const [points = 0, dimensions = 0] = x?.shape ?? [];
  demand(
    x?.shape.length === 2 && is(y, x.shape) && points <= MAX_POINTS && dimensions <= MAX_DIMENSIONS,
    'sinkhorn',
    `x and y of one shape [B, D] with B at most ${MAX_POINTS} and D at most ${MAX_DIMENSIONS}`,
    [x, y],
  );
  demand(epsilon > 0 && iterations >= 1, 'sinkhorn', 'epsilon above 0 and at least one iteration', [x, y]);
}

/** log(1/B + 1e-8) rounded to float32 at each step, as PyTorch has it. */
const logMarginal = (points: number): number =>
  Math.fround(Math.log(Math.fround(Math.fround(1 / points) + Math.fround(1e-8))));

const sizes = (inputs: readonly (Meta | undefined)[]): { points: number; dimensions: number } => {
  const [points, dimensions] = need(inputs, 0).shape as [number, number];
  return { points, dimensions };
};

function problem(x: Float64Array, y: Float64Array, { inputs, attrs }: Metas<SinkhornAttributes>): Problem {
  const { points, dimensions } = sizes(inputs);
  return { x, y, points, dimensions, logMarginal: logMarginal(points), ...attrs };
}

/** Each of `rows` sums over all points is shared by a power of two of lanes: all of a lone workgroup, else 32. */
function tiling(rows: number, single: boolean): { lanes: number; groups: number } {
  const lanes = single ? THREADS / 2 ** Math.ceil(Math.log2(rows)) : LANES;
  return { lanes, groups: Math.ceil((rows * lanes) / THREADS) };
}

/** Every half-step (u, then v) of every iteration, then the cost. */
function forwardPasses({ inputs, attrs }: Metas<SinkhornAttributes>): Pass[] {
  const { points, dimensions } = sizes(inputs);
  const { epsilon, iterations, threshold } = attrs;
  const single = points <= SINGLE_GROUP;
  const { lanes, groups } = tiling(points, single);
  const steps = single ? Math.floor(PAIRS_PER_DISPATCH / points ** 2) : 1;
  const constants = { DIMENSIONS: dimensions, VALUES: 1 };
  const common = { points, lanes, epsilon, sharpness: 1 / epsilon };
  const passes: Pass[] = [];
  for (let first = 0; first < 2 * iterations; first += steps) {
    const last = Math.min(first + steps, 2 * iterations);
    const params = { ...common, logMarginal: logMarginal(points), threshold, iterations, first, last };
    passes.push({ shader: 'sinkhorn', constants, params, grid: [groups, 1, 1] });
  }
  const params = { points, lanes, sharpness: 1 / epsilon };
  passes.push({ shader: 'sinkhorn-cost', constants, params, grid: [groups, 1, 1] });
  passes.push({ shader: 'sinkhorn-total', params: { size: points }, grid: [1, 1, 1] });
  return passes;
}

/** The cost's own derivative, then back through every half-step; each for the rows (points of x) and the columns (points of y). */
function gradientPasses({ inputs, attrs }: Metas<SinkhornAttributes>): Pass[] {
  const { points, dimensions } = sizes(inputs);
  const { epsilon, iterations } = attrs;
  const single = points <= SINGLE_GROUP;
  const { lanes, groups } = tiling(2 * points, single);
  const pairs = 2 * points ** 2;
  const steps = single ? Math.floor(PAIRS_PER_DISPATCH / pairs) : 1;
  const groupsAtOnce = Math.ceil(groups / Math.ceil(pairs / PAIRS_PER_DISPATCH));
  const constants = { DIMENSIONS: dimensions, VALUES: dimensions + 1 };
  const passes: Pass[] = [];
  for (let first = 0; first < 2 * iterations + 1; first += steps)
    for (let offset = 0; offset < groups; offset += groupsAtOnce) {
      const last = Math.min(first + steps, 2 * iterations + 1);
      const params = { points, lanes, sharpness: 1 / epsilon, first, last, offset };
      const grid = [Math.min(groupsAtOnce, groups - offset), 1, 1] as const;
      passes.push({ shader: 'sinkhorn-gradient', constants, params, grid });
    }
  return passes;
}

const cost =
  (sweeps: number) =>
  ({ inputs, attrs }: Metas<SinkhornAttributes>) => {
    const { points, dimensions } = sizes(inputs);
    const pairs = sweeps * attrs.iterations * points ** 2;
    return { flops: pairs * (3 * dimensions + 6), bytes: 4 * HISTORY_ROWS * attrs.iterations * points };
  };

const CASES = [
  { name: 'one point', shape: [1, 2], attrs: DEFAULTS },
  { name: 'two points', shape: [2, 2], attrs: DEFAULTS },
  { name: 'stops early', shape: [13, 3], attrs: { epsilon: 0.1, iterations: 12, threshold: 0.5 } },
  { name: 'all iterations', shape: [37, 2], attrs: { epsilon: 0.05, iterations: 6, threshold: 0 } },
  { name: 'many workgroups', shape: [131, 2], attrs: { epsilon: 0.1, iterations: 3, threshold: 0 } },
  { name: 'more than half a workgroup', shape: [65, 2], attrs: { epsilon: 0.05, iterations: 3, threshold: 0 } },
];

export const sinkhornOp = op<SinkhornAttributes>({
  name: 'sinkhorn',
  doc: 'entropic transport cost of B points x to B points y: sum exp(M) C, M = (-C + u + v) / eps (METHOD 3, Cuturi 2013)',
  inputs: ['x', 'y'],
  outputs: ['cost', 'history', 'count'],
  shape: (inputs, attrs) => {
    check(inputs, attrs);
    const { points } = sizes(inputs);
    return [f32(1), f32(attrs.iterations, HISTORY_ROWS, points), { shape: [1], dtype: 'u32' }];
  },
  variants: {
    naive: {
      scratch: ({ inputs }) => ({ rowCosts: sizes(inputs).points }),
      passes: forwardPasses,
    },
  },
  gradient: ({ inputs: [x, y], outputs: [, history, count], dys: [dy], attrs }) =>
    dy ? sinkhornGradientOp.call([x, y, history, count, dy], attrs) : [],
  reference: ([x, y], call) => {
    const given = problem(x!, y!, call);
    const solution = solve(given);
    const { history, count } = solution;
    return [Float64Array.of(transportCost(given, solution)), history, Float64Array.of(count)];
  },
  cost: cost(2),
  // The exponents are differences of order 1 divided by epsilon, so float32's error comes out 1 / epsilon times as large.
  tolerance: 1e-4,
  cases: CASES.map(({ name, shape, attrs }) => ({ name, inputs: [{ shape }, { shape }], attrs })),
});

export const sinkhornGradientOp = op<SinkhornAttributes>({
  name: 'sinkhorn_gradient',
  doc: 'gradient of the transport cost through every iteration that was done, u and v included',
  inputs: ['x', 'y', 'history', 'count', 'dcost'],
  outputs: ['dx', 'dy'],
  shape: (inputs, attrs) => {
    check(inputs, attrs);
    const { shape } = need(inputs, 0);
    return [f32(...shape), f32(...shape)];
  },
  variants: {
    naive: {
      scratch: ({ inputs }) => ({ adjoints: 2 * sizes(inputs).points }),
      passes: gradientPasses,
    },
  },
  reference: ([x, y, history, count, dcost], call) =>
    costGradient(problem(x!, y!, call), { history: history!, count: count![0]! }, dcost![0]!),
  cost: cost(4),
  tolerance: 1e-4,
  cases: [7, 150].map((points) => ({
    name: `${points} points`,
    inputs: [
      { shape: [points, 2] },
      { shape: [points, 2] },
      { shape: [4, HISTORY_ROWS, points], low: 0.5 },
      { shape: [1], dtype: 'u32' as const, values: [3] },
      { shape: [1] },
    ],
    attrs: { epsilon: 0.5, iterations: 4, threshold: 0.1 },
  })),
});

/**
 * Entropic optimal transport cost between two clouds of B points with equal weights, as [1]: x and y [B, D], cost of a pair its squared
 * distance. The gradient is that of the unrolled iterations. B at most 4096, D at most 8.
 */
export const sinkhorn = (x: Tensor, y: Tensor, attrs: SinkhornAttributes = DEFAULTS): Tensor =>
  sinkhornOp.call([x, y], attrs)[0]!;
