import { afterAll, describe, expect, test } from 'vitest';
import { backward } from '../../src/engine/autograd.js';
import { ReferenceRuntime } from '../../src/engine/reference-runtime.js';
import type { Runtime } from '../../src/engine/runtime.js';
import { Graph, type NumberArray } from '../../src/engine/tensor.js';
import { add } from '../../src/kernels/add.js';
import { sigmoid } from '../../src/kernels/sigmoid.js';
import { openRuntime } from '../../src/platform/node/runtime.js';
import { randomGraph, valuesOf } from './random-graph.js';

const opened = await openRuntime();
afterAll(() => opened.runtime.close());

const SEEDS = Array.from({ length: 24 }, (_, i) => i);
const weights = (size: number): Float64Array => valuesOf(99, 0, size);

/** Runs a random graph and its gradients: the output, and the gradient of each parameter. */
async function run(parent: Runtime, seed: number, change?: { i: number; at: number; by: number }) {
  const runtime = parent.sibling();
  const { graph, parameters, output } = randomGraph(seed);
  const dy = graph.buffer('dy', output.shape);
  backward([{ tensor: output, gradient: dy }]);
  const [program] = await runtime.compile([{ name: 'random', graph, retain: [output] }]);
  runtime.write('dy', weights(output.size));
  parameters.forEach(({ size }, i) => {
    const values = valuesOf(seed, i, size);
    if (change?.i === i) values[change.at]! += change.by;
    runtime.write(`p${i}`, values);
    if (graph.buffers.has(`g${i}`)) runtime.write(`g${i}`, new Float64Array(size));
  });
  runtime.submit([{ run: program! }]);
  await runtime.idle();
  const y = await program!.inspect(output);
  const gradients: NumberArray[] = [];
  for (const [i, { size }] of parameters.entries()) gradients.push(await runtime.read(`g${i}`, 0, size));
  runtime.release();
  return { y, gradients };
}

const dot = (a: NumberArray, b: NumberArray): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

test.each(SEEDS)('gradients of random graph %i are its slopes', async (seed) => {
  const runtime = new ReferenceRuntime();
  const { y, gradients } = await run(runtime, seed);
  const h = 1e-5;
  for (const [i, gradient] of gradients.entries())
    for (const at of [0, 7, gradient.length - 1]) {
      const [up, down] = [
        await run(runtime, seed, { i, at, by: h }),
        await run(runtime, seed, { i, at, by: -h }),
      ];
      const slope = (dot(up.y, weights(y.length)) - dot(down.y, weights(y.length))) / (2 * h);
      expect(gradient[at]).toBeCloseTo(slope, 6);
    }
});

test.each(SEEDS)('the GPU computes random graph %i as the reference does', async (seed) => {
  const [got, want] = [await run(opened.runtime, seed), await run(new ReferenceRuntime(), seed)];
  const all = ({ y, gradients }: typeof got): number[] => [y, ...gradients].flatMap((values) => [...values]);
  const expected = all(want);
  for (const [k, value] of all(got).entries()) expect(value).toBeCloseTo(expected[k]!, 4);
});

describe('backward', () => {
  /** dy/da at a = 0 for y = build(a) of one element; what the place held before is 10. */
  async function slopeAtZero(
    build: (a: ReturnType<Graph['buffer']>) => ReturnType<Graph['buffer']>,
    adds = false,
  ) {
    const runtime = new ReferenceRuntime();
    const graph = new Graph();
    const a = graph.buffer('a', [1]);
    a.gradient = graph.buffer('g', [1]);
    backward(build(a), adds);
    const [program] = await runtime.compile([{ name: 'slope', graph }]);
    runtime.write('a', Float64Array.of(0));
    runtime.write('g', Float64Array.of(10));
    runtime.submit([{ run: program! }]);
    return (await runtime.read('g', 0, 1))[0];
  }

  test('adds up all uses of a tensor, and overwrites what its place held', async () => {
    expect(await slopeAtZero((a) => add(a, a))).toBe(2);
    expect(await slopeAtZero((a) => add(add(a, sigmoid(a)), a))).toBe(2.25);
  });

  test('adds to what the place held when slices of a batch accumulate', async () => {
    expect(await slopeAtZero((a) => add(a, sigmoid(a)), true)).toBe(11.25);
  });

  test('sends nothing through a stopgrad', async () => {
    expect(await slopeAtZero((a) => add(a.detach(), sigmoid(a)))).toBe(0.25);
  });

  test('leaves the place of a tensor without a path to the loss alone', async () => {
    const graph = new Graph();
    const [a, b] = [graph.buffer('a', [1]), graph.buffer('b', [1])];
    a.gradient = graph.buffer('ga', [1]);
    b.gradient = graph.buffer('gb', [1]);
    backward(sigmoid(a));
    const written = graph.nodes.flatMap(({ outputs }) => outputs.map(({ root }) => root.storage));
    const buffers = written.flatMap((storage) => (storage.kind === 'buffer' ? [storage.buffer] : []));
    expect(buffers).toEqual(['ga']);
  });

  test('wants a seed', () => {
    expect(() => backward([])).toThrow('backward: wants a loss or at least one seed');
  });
});

test('a reshape keeps the number of elements, and a name its type', () => {
  const graph = new Graph();
  expect(() => graph.buffer('x', [2, 3]).reshape(4)).toThrow('reshape: [2,3] holds 6 elements, [4] wants 4');
  expect(() => graph.buffer('x', [1], 'u32')).toThrow("buffer: 'x' holds f32, not u32; use another name");
});
