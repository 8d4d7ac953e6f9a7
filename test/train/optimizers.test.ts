import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ReferenceRuntime } from '../../src/engine/reference-runtime.js';
import type { Runtime } from '../../src/engine/runtime.js';
import { Graph } from '../../src/engine/tensor.js';
import { adam, ranges, sgd } from '../../src/kernels/optimizers.js';
import { openRuntime } from '../../src/platform/node/runtime.js';
import { hashUniform } from '../../src/verify/fill.js';

const N = 260;
const STEPS = 400;
const start = (i: number): number => Math.fround(hashUniform('parameter', i));
/** Gradients of very different sizes, from 1e-4 to 1, whose sign changes now and then. */
const gradientOf = (step: number, i: number): number =>
  Math.fround(10 ** -(i % 5) * (hashUniform(`gradient ${step}`, i) + 0.3));
/** Rises and falls, as a cosine that restarts would. */
const rateOf = (step: number): number => Math.fround(5e-4 * (1 + Math.cos((Math.PI * step) / 150)));

/** Parameters in plain numbers after the steps, one value at a time. */
function byHand(update: () => (p: number, g: number, step: number) => number): number[] {
  return Array.from({ length: N }, (_, i) => {
    const next = update();
    let p = start(i);
    for (let step = 1; step <= STEPS; step++) p = next(p, gradientOf(step, i), step);
    return p;
  });
}

const adamByHand = (weightDecay: number) => () => {
  let m = 0;
  let v = 0;
  return (p: number, gradient: number, t: number): number => {
    const g = gradient + weightDecay * p;
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const mHat = m / (1 - 0.9 ** t);
    const vHat = v / (1 - 0.999 ** t);
    return p - (rateOf(t) * mHat) / (Math.sqrt(vHat) + 1e-8);
  };
};

const sgdByHand = (momentum: number, nesterov: boolean, weightDecay: number) => () => {
  let buffer: number | undefined;
  return (p: number, gradient: number, t: number): number => {
    const d = gradient + weightDecay * p;
    buffer = buffer === undefined ? d : momentum * buffer + d;
    return p - rateOf(t) * (nesterov ? d + momentum * buffer : buffer);
  };
};

type Append = (graph: Graph, flat: (name: string) => ReturnType<Graph['buffer']>) => void;

/** Runs the steps of one optimizer; gives parameters and both moments. */
async function run(runtime: Runtime, append: Append, flag = 0) {
  const graph = new Graph();
  append(graph, (name) => graph.buffer(name, [N]));
  const [program] = await runtime.compile([{ name: 'update', graph }]);
  runtime.write(
    'parameters',
    Float32Array.from({ length: N }, (_, i) => start(i)),
  );
  runtime.write('flag', Uint32Array.of(flag));
  for (let t = 1; t <= STEPS; t++) {
    runtime.write(
      'gradients',
      Float32Array.from({ length: N }, (_, i) => gradientOf(t, i)),
    );
    runtime.write('hyper', Float64Array.of(rateOf(t), 1 - 0.9 ** t, Math.sqrt(1 - 0.999 ** t), 0));
    runtime.submit([{ run: program! }]);
  }
  const read = async (name: string): Promise<number[]> => [...(await runtime.read(name, 0, N))];
  return { parameters: await read('parameters'), m: await read('m') };
}

const appendAdam =
  (weightDecay: number, maxBytes?: number): Append =>
  (graph) => {
    for (const { offset, length } of ranges(N, maxBytes)) {
      const flat = (name: string) => graph.buffer(name, [length], 'f32', offset);
      const group = {
        parameters: flat('parameters'),
        gradients: flat('gradients'),
        m: flat('m'),
        v: flat('v'),
      };
      const attrs = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay };
      adam(group, graph.buffer('hyper', [4]), graph.buffer('flag', [1], 'u32'), attrs);
    }
  };

const appendSgd =
  (momentum: number, nesterov: boolean, weightDecay: number): Append =>
  (graph, flat) => {
    const group = { parameters: flat('parameters'), gradients: flat('gradients'), momentum: flat('m') };
    const flag = graph.buffer('flag', [1], 'u32');
    sgd(group, graph.buffer('hyper', [4]), flag, { momentum, nesterov, weightDecay });
  };

const largestDifference = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

let gpu: Runtime;
beforeAll(async () => {
  ({ runtime: gpu } = await openRuntime());
});
afterAll(() => gpu.close());

const CASES = [
  { name: 'Adam', append: appendAdam(0), hand: adamByHand(0) },
  { name: 'Adam with decay', append: appendAdam(0.1), hand: adamByHand(0.1) },
  { name: 'Adam in ranges', append: appendAdam(1e-6, 512), hand: adamByHand(1e-6) },
  { name: 'SGD', append: appendSgd(0, false, 0), hand: sgdByHand(0, false, 0) },
  { name: 'SGD with momentum', append: appendSgd(0.9, false, 1e-2), hand: sgdByHand(0.9, false, 1e-2) },
  { name: 'SGD with Nesterov momentum', append: appendSgd(0.9, true, 0.1), hand: sgdByHand(0.9, true, 0.1) },
];

describe.each(CASES)(`$name, ${STEPS} steps`, ({ append, hand }) => {
  const expected = byHand(hand);
  const moved = largestDifference(
    expected,
    expected.map((_, i) => start(i)),
  );

  test('float64 equals the loop by hand', async () => {
    const { parameters } = await run(new ReferenceRuntime(), append);
    expect(moved).toBeGreaterThan(0.05);
    expect(largestDifference(parameters, expected)).toBeLessThan(1e-12);
  });

  test('the adapter stays within float32 of it', async () => {
    const { parameters } = await run(gpu.sibling(), append);
    expect(largestDifference(parameters, expected)).toBeLessThan(2e-6);
  });
});

test.each([
  ['Adam', appendAdam(0.1)],
  ['SGD', appendSgd(0.9, true, 0.1)],
] as const)('%s writes nothing once the flag is up', async (_, append) => {
  for (const runtime of [new ReferenceRuntime(), gpu.sibling()]) {
    const { parameters, m } = await run(runtime, append, 1);
    expect(parameters).toEqual(Array.from({ length: N }, (_, i) => start(i)));
    expect(m).toEqual(new Array<number>(N).fill(0));
  }
});

test('ranges cover a flat buffer in pieces that fit a binding and start on 256 bytes', () => {
  expect(ranges(200, 300)).toEqual([
    { offset: 0, length: 64 },
    { offset: 64, length: 64 },
    { offset: 128, length: 64 },
    { offset: 192, length: 8 },
  ]);
  // ResNet-34 with four LIBs on lavapipe, whose bindings end at 128 MiB.
  expect(ranges(85_266_840).map(({ length }) => length)).toEqual([33_554_432, 33_554_432, 18_157_976]);
});

test('tensors that do not belong together are refused', () => {
  const graph = new Graph();
  const flat = (n: number) => graph.buffer(`flat ${n}`, [n]);
  const group = { parameters: flat(8), gradients: flat(8), momentum: flat(4) };
  const flag = graph.buffer('flag', [1], 'u32');
  expect(() =>
    sgd(group, graph.buffer('hyper', [4]), flag, { momentum: 0, nesterov: false, weightDecay: 0 }),
  ).toThrow(
    'sgd: wants parameters, gradients and moments of one size [N], hyper [4], flag u32 [1]; got [8], [8], [4], [4], u32 [1]',
  );
});
