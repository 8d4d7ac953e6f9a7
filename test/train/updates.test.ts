import { describe, expect, test } from 'vitest';
import { memoryOf } from '../../src/engine/memory.js';
import { mutated } from '../../src/engine/plan.js';
import { ReferenceRuntime } from '../../src/engine/reference-runtime.js';
import { ALIGNMENT, type Node, sizeOf, type Tensor } from '../../src/engine/tensor.js';
import type { ModelName } from '../../src/model/names.js';
import { ParameterTable } from '../../src/model/parameters.js';
import { ProgramBuilder } from '../../src/train/programs.js';

const built = (model: ModelName, libs: number) => {
  const table = new ParameterTable();
  const builder = new ProgramBuilder(
    {
      net: { model, libs, gil: true, lil: true },
      loss: { gil: true, lil: true, calculator: 'kl', temperature: 1.5, method: 'auto', scales: [] },
      optimizer: { kind: 'adam', weightDecay: 1e-6, momentum: 0, nesterov: false },
      size: 64,
      dropout: 0.5,
    },
    table,
    8,
  );
  return { table, builder, whole: builder.trainWhole(4) };
};

/** The elements of the flat parameter buffer that a tensor is; undefined of others. */
function trainedRange({ root, start, size }: Tensor): [number, number] | undefined {
  const { storage } = root;
  if (storage.kind !== 'buffer' || storage.buffer !== 'trained') return undefined;
  return [start, start + size];
}

const touched = (node: Node): Tensor[] =>
  [...node.inputs, ...node.outputs, ...mutated(node)].filter((tensor) => tensor !== undefined);

const MODELS: [ModelName, number][] = [
  ['tiny', 2],
  ['mobilenet', 2],
  ['resnet34', 2],
  ['efficientnet-b0', 3],
];

describe.each(MODELS)('the windows of %s with %i LIBs', (model, libs) => {
  const { table, whole } = built(model, libs);
  const { nodes } = whole.graph;
  const trained = table.list().filter(({ home }) => home === 'trained');
  const updates = nodes.flatMap((node, at) => {
    const range = node.op.name === 'adam' ? trainedRange(node.inputs[0]!) : undefined;
    return range ? [{ node, at, range }] : [];
  });

  test('are updated once each, and together are all parameters, without their padding', () => {
    const times = new Uint8Array(table.length('trained'));
    for (const { range } of updates) for (let i = range[0]; i < range[1]; i++) times[i]!++;
    const wanted = new Uint8Array(times.length);
    for (const { offset, shape } of trained) wanted.fill(1, offset, offset + sizeOf(shape));
    expect(Buffer.compare(times, wanted)).toBe(0);
  });

  test('are updated when nobody is still to read their parameters or to write their gradients', () => {
    const meet = ([first, end]: [number, number], [from, to]: [number, number]) => first < to && from < end;
    const late = updates.flatMap(({ node, at, range }) => {
      const { root, start, size } = node.inputs[1]!;
      const gradients: [number, number] = [start, start + size];
      return nodes
        .slice(at + 1)
        .flatMap(touched)
        .filter(
          (tensor) =>
            meet(trainedRange(tensor) ?? [0, 0], range) ||
            (tensor.root === root && meet([tensor.start, tensor.start + tensor.size], gradients)),
        );
    });
    expect(late).toEqual([]);
  });

  test('are updated by quads but for ends of less than a binding', () => {
    const sizes = updates.map(({ range }) => range[1] - range[0]);
    expect(sizes.filter((size) => size % 4 !== 0 && size >= ALIGNMENT)).toEqual([]);
  });

  test('hold the gradient of each parameter at its place', () => {
    const windows = new Map(
      updates.map(({ node: { inputs }, range }) => [inputs[1]!.root, range[0] - inputs[1]!.start]),
    );
    const results = nodes.flatMap(({ outputs }) => outputs);
    const places = results.flatMap(({ root, start }) => {
      const offset = windows.get(root);
      return offset === undefined ? [] : [offset + start];
    });
    expect(new Set(places)).toEqual(new Set(trained.map(({ offset }) => offset)));
  });
});

test('a step holds a few windows of gradients, a step in slices all of them', () => {
  const { builder, table, whole } = built('resnet34', 2);
  const { capabilities } = new ReferenceRuntime();
  const bytes = 4 * table.length('trained');
  const ofWhole = memoryOf([whole], capabilities);
  const ofSlices = memoryOf([builder.trainHeads(4), builder.trainSlice(4, 2)], capabilities);
  expect(ofWhole.buffers.gradients).toBeUndefined();
  expect(ofSlices.buffers.gradients).toBe(bytes);
  expect(ofWhole.slots).toBeLessThan(bytes / 2);
});

test('an evaluation holds no gradients', () => {
  const { builder } = built('tiny', 2);
  const sources = [builder.evaluateFeatures(4, 2), builder.evaluateHeads(4)];
  expect(Object.keys(memoryOf(sources, new ReferenceRuntime().capabilities).buffers)).not.toContain(
    'gradients',
  );
});
