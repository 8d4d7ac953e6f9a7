import { expect, test } from 'vitest';
import { backward } from '../../src/engine/autograd.js';
import { hoist } from '../../src/engine/hoist.js';
import { ReferenceRuntime } from '../../src/engine/reference-runtime.js';
import { Graph, type Tensor } from '../../src/engine/tensor.js';
import { accumulate, copyInto } from '../../src/kernels/copy.js';
import { sgd } from '../../src/kernels/optimizers.js';
import { randomGraph, valuesOf } from './random-graph.js';

const seeds = Array.from({ length: 40 }, (_, i) => i);

/** A random expression, its gradients in slices of planned tensors, and updates of its parameters: at the end, or hoisted. */
function trained(seed: number, hoisted: boolean) {
  const { graph, parameters, output } = randomGraph(seed);
  const windows = parameters.map(({ size }) => graph.planned([size + 3]));
  parameters.forEach((parameter, i) => {
    parameter.gradient = windows[i]!.slice(2, parameter.shape);
  });
  const seedTensor = graph.buffer('seed', output.shape);
  backward([{ tensor: output, gradient: seedTensor }]);
  const end = graph.nodes.length;
  const [hyper, flag] = [graph.buffer('hyper', [4]), graph.buffer('flag', [1], 'u32')];
  parameters.forEach(({ size }, i) => {
    const flat = (name: string): Tensor => graph.buffer(`${name}${i}`, [size]);
    const group = { parameters: flat('p'), gradients: windows[i]!.slice(2, [size]), momentum: flat('m') };
    sgd(group, hyper, flag, { momentum: 0.9, nesterov: false, weightDecay: 0 });
  });
  const updates = graph.nodes.slice(end);
  if (hoisted) hoist(graph, end);
  return { graph, parameters, updates: updates.map((node) => graph.nodes.indexOf(node)) };
}

async function outcome(seed: number, hoisted: boolean): Promise<number[]> {
  const { graph, parameters } = trained(seed, hoisted);
  const runtime = new ReferenceRuntime();
  const [program] = await runtime.compile([{ name: 'trained', graph }]);
  parameters.forEach(({ size }, i) => {
    runtime.write(`p${i}`, valuesOf(seed, i, size));
  });
  runtime.write('seed', valuesOf(seed, 9, 24));
  runtime.write('hyper', Float64Array.of(0.5, 0, 0, 0));
  for (let step = 0; step < 2; step++) runtime.submit([{ run: program! }]);
  const values = await Promise.all(parameters.map(({ size }, i) => runtime.read(`p${i}`, 0, size)));
  return values.flatMap((value) => [...value]);
}

test.each(
  seeds,
)('updates on the way back train expression %i to the bit as updates at the end do', async (seed) => {
  expect(await outcome(seed, true)).toEqual(await outcome(seed, false));
});

test('most updates do leave the end', () => {
  const early = seeds.filter((seed) => {
    const { graph, updates } = trained(seed, true);
    return Math.min(...updates) < graph.nodes.length - updates.length;
  });
  expect(early.length).toBeGreaterThan(seeds.length / 2);
});

/** Nodes by the buffer that they write. */
const order = (graph: Graph): string[] =>
  graph.nodes.map(({ outputs: [output] }) => {
    const storage = output?.root.storage;
    return storage?.kind === 'buffer' ? storage.buffer : 'planned';
  });

test('a node moves up to what it reads, and not over a reader or a writer of what it writes', () => {
  const graph = new Graph();
  const buffer = (name: string): Tensor => graph.buffer(name, [8]);
  const [a, b, c, d] = [buffer('a'), buffer('b'), buffer('c'), buffer('d')];
  copyInto(b, a);
  copyInto(c, a);
  copyInto(d, a);
  const from = graph.nodes.length;
  copyInto(buffer('after the first'), b); // reads what the first writes
  copyInto(a.slice(0, [4]), graph.buffer('other', [4])); // writes what all three read
  copyInto(buffer('free'), buffer('other'));
  accumulate(c.slice(4, [4]), graph.buffer('other', [4])); // writes a part of what the second writes
  hoist(graph, from);
  expect(order(graph)).toEqual(['free', 'b', 'after the first', 'c', 'c', 'd', 'a']);
});

test('ranges of one buffer that do not meet do not hold each other up', () => {
  const graph = new Graph();
  const x = graph.buffer('x', [8]);
  copyInto(graph.buffer('first', [4]), x.slice(0, [4]));
  copyInto(graph.buffer('second', [4]), x.slice(4, [4]));
  copyInto(x.slice(0, [4]), graph.buffer('y', [4]));
  hoist(graph, 2);
  expect(order(graph)).toEqual(['first', 'x', 'second']);
});
