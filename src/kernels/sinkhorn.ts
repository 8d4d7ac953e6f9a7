import { type Call, type Capabilities, f32, type Metas, need, op, type Pass } from '../engine/op.js';
import type { Meta, Tensor } from '../engine/tensor.js';
import { demand, is } from './demand.js';
import { costGradient, type Problem, solve, transportCost } from './sinkhorn-reference.js';
import { bothWays, subgroupOf, type Way } from './subgroup-sums.js';

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

/**
 * How tasks, each a sum over all points, are laid out. A lone workgroup takes them all, so that many steps fit in a dispatch; else each
 * dispatch is one step of many workgroups. On a GPU a task is shared by lanes, a power of two, in workgroup memory or in a subgroup; on
 * the CPU it is one thread's, without barriers.
 */
function layout(tasks: number, alone: boolean, capabilities: Capabilities, way: Way) {
  const { software, subgroupSize } = capabilities;
  const group = software && !alone ? 64 : 256;
  const most = software ? 1 : alone ? group / 2 ** Math.ceil(Math.log2(tasks)) : 32;
  const lanes = way === 'subgroups' ? Math.min(most, subgroupSize) : most;
  const split = !software && way === 'naive';
  const constants = { GROUP: group, SPLIT: split, ALONE: alone, ...subgroupOf(way, capabilities) };
  return { constants, lanes, groups: Math.ceil((tasks * lanes) / group) };
}

/** Cuts `steps` of `pairs` pairs each into runs that one dispatch may take. */
function runs(steps: number, pairs: number, alone: boolean): { first: number; last: number }[] {
  const most = alone ? Math.floor(PAIRS_PER_DISPATCH / pairs) : 1;
  return Array.from({ length: Math.ceil(steps / most) }, (_, i) => ({
    first: i * most,
    last: Math.min((i + 1) * most, steps),
  }));
}

const packPass = (points: number, dimensions: number): Pass => {
  const size = points * dimensions;
  return { shader: 'sinkhorn-points', params: { size }, grid: [Math.ceil(size / 64), 1, 1] };
};

/** Every half-step (u, then v) of every iteration, then the cost. */
function forwardPasses({ inputs, attrs, capabilities }: Call<SinkhornAttributes>, way: Way): Pass[] {
  const { points, dimensions } = sizes(inputs);
  const { epsilon, iterations, threshold } = attrs;
  const alone = points <= SINGLE_GROUP;
  const { constants, lanes, groups } = layout(points, alone, capabilities, way);
  const grid = [groups, 1, 1] as const;
  const common = { points, lanes, sharpness: 1 / epsilon };
  const moving = { ...common, epsilon, threshold, iterations, logMarginal: logMarginal(points) };
  return [
    packPass(points, dimensions),
    ...runs(2 * iterations, points ** 2, alone).map((run) => ({
      shader: 'sinkhorn' as const,
      constants: { ...constants, DIMENSIONS: dimensions, VALUES: 2 },
      params: { ...moving, ...run },
      grid,
    })),
    {
      shader: 'sinkhorn-cost',
      constants: { ...constants, DIMENSIONS: dimensions, VALUES: 1 },
      params: common,
      grid,
    },
    {
      shader: 'sinkhorn-total',
      constants: subgroupOf(way, capabilities),
      params: { size: points },
      grid: [1, 1, 1],
    },
  ];
}

/** The cost's own derivative, then back through every half-step; each for both sides' points. */
function gradientPasses({ inputs, attrs, capabilities }: Call<SinkhornAttributes>, way: Way): Pass[] {
  const { points, dimensions } = sizes(inputs);
  const alone = points <= SINGLE_GROUP;
  const { constants, lanes, groups } = layout(2 * points, alone, capabilities, way);
  const pairs = 2 * points ** 2;
  const groupsAtOnce = Math.ceil(groups / Math.ceil(pairs / PAIRS_PER_DISPATCH));
  const passes = [packPass(points, dimensions)];
  for (const run of runs(2 * attrs.iterations + 1, pairs, alone))
    for (let offset = 0; offset < groups; offset += groupsAtOnce)
      passes.push({
        shader: 'sinkhorn-gradient',
        constants: { ...constants, DIMENSIONS: dimensions, VALUES: dimensions + 1 },
        params: { points, lanes, sharpness: 1 / attrs.epsilon, ...run, offset },
        grid: [Math.min(groupsAtOnce, groups - offset), 1, 1],
      });
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
  {
    name: 'more than half a workgroup',
    shape: [65, 2],
    attrs: { epsilon: 0.05, iterations: 3, threshold: 0 },
  },
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
  variants: bothWays<SinkhornAttributes>((way) => ({
    scratch: ({ inputs }) => {
      const { points, dimensions } = sizes(inputs);
      return { points: 2 * points * dimensions, rowCosts: points };
    },
    passes: (call) => forwardPasses(call, way),
  })),
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
  variants: bothWays<SinkhornAttributes>((way) => ({
    scratch: ({ inputs }) => {
      const { points, dimensions } = sizes(inputs);
      return { points: 2 * points * dimensions, weights: 2 * points };
    },
    passes: (call) => gradientPasses(call, way),
  })),
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
