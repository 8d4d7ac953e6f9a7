import { expect, test } from 'vitest';
import { memoryOf, misfit } from '../../src/engine/memory.js';
import type { Capabilities } from '../../src/engine/op.js';
import { callKey, type Plan, plan, slotPool, slotRanks } from '../../src/engine/plan.js';
import { Graph, type Tensor } from '../../src/engine/tensor.js';
import { add } from '../../src/kernels/add.js';
import { batchNormTrain } from '../../src/kernels/batch-norm.js';
import { Rng } from '../../src/rng.js';
import { randomGraph } from './random-graph.js';

const adapter: Capabilities = {
  software: true,
  subgroupSize: 8,
  features: new Set(['subgroups']),
  limits: { maxStorageBufferBindingSize: 2 ** 20 },
};

/** First and last call that touches each planned tensor. */
function lives({ calls }: Plan): Map<Tensor, [number, number]> {
  const found = new Map<Tensor, [number, number]>();
  calls.forEach(({ node }, at) => {
    for (const tensor of [...node.inputs, ...node.outputs]) {
      const root = tensor?.root;
      if (root?.storage.kind === 'planned') found.set(root, [found.get(root)?.[0] ?? at, at]);
    }
  });
  return found;
}

test.each(
  Array.from({ length: 60 }, (_, i) => i),
)('tensors that share a slot of graph %i never live at once, and retained ones share with nobody who comes later', (seed) => {
  const { graph, nodes, output } = randomGraph(seed, 40);
  const rng = new Rng(seed, 'retained');
  const retained = [output, nodes[rng.below(nodes.length)]!];
  const made = plan(graph, adapter, { retain: retained });
  const alive = lives(made);
  for (const { root } of retained) if (alive.has(root)) alive.get(root)![1] = made.calls.length;
  const placed = [...alive].map(([tensor, life]) => ({ slot: made.slotOf.get(tensor)!, life }));
  for (const [i, a] of placed.entries())
    for (const b of placed.slice(i + 1))
      if (a.slot === b.slot) expect(a.life[1] < b.life[0] || b.life[1] < a.life[0]).toBe(true);
  expect(placed.every(({ slot }) => made.slots[slot] !== undefined)).toBe(true);
});

test('a chain needs two slots, however long it is', () => {
  const graph = new Graph();
  let x = graph.buffer('x', [100]);
  for (let i = 0; i < 20; i++) x = add(x, x);
  expect(plan(graph, adapter, { retain: [x] }).slots).toEqual([400, 400]);
});

test('what nobody reads is not computed', () => {
  const graph = new Graph();
  const x = graph.buffer('x', [4]);
  add(x, x);
  const kept = add(x, x);
  expect(plan(graph, adapter, { retain: [kept] }).calls.length).toBe(1);
  expect(plan(graph, adapter).calls.length).toBe(0);
});

test("programs compiled together share their largest slots, each program's k-th largest the k-th", () => {
  const made = [[10, 30, 20], [40]].map((slots) => ({ calls: [], slots, slotOf: new Map(), flops: 0 }));
  expect(slotRanks(made[0]!)).toEqual([2, 0, 1]);
  expect(slotPool(made)).toEqual([40, 20, 10]);
});

test('a chosen variant is used where it runs; else the first that does', () => {
  const graph = new Graph();
  const channel = (name: string) => graph.buffer(name, [8]);
  const tensors = { weight: channel('w'), bias: channel('b') };
  const options = { epsilon: 1e-5, momentum: 0.1, activation: 'none' } as const;
  const y = batchNormTrain(graph.buffer('x', [64, 8]), tensors, options);
  const variantOf = (choice: string) =>
    plan(graph, adapter, { retain: [y], choose: () => choice }).calls[0]!.variant;
  expect(variantOf('tiles')).toBe('tiles');
  expect(variantOf('of another version')).toBe('threads');
  const { op } = graph.nodes[0]!;
  expect(callKey(op, graph.nodes[0]!)).toMatch(/^batch_norm_train 64x8 8 8 - - - \{/);
});

test('what does not fit is said with its size, its operation and the limit', () => {
  const graph = new Graph();
  const large = add(graph.buffer('x', [2 ** 19]), graph.buffer('y', [2 ** 19]));
  const report = memoryOf([{ name: 'large', graph, retain: [large] }], adapter);
  expect(report.total).toBe(3 * 2 ** 21);
  expect(misfit(report, adapter)).toBe(
    'add needs a tensor [524288] of 2 MiB; this adapter binds at most 1 MiB at once',
  );
  const roomy = { ...adapter, limits: {} };
  expect(misfit(report, roomy)).toBeUndefined();
  expect(misfit(report, roomy, 5 * 2 ** 20)).toBe('the step needs 6 MiB of device memory; 5 MiB may be used');
});
