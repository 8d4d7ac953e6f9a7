import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { op } from '../../src/engine/op.js';
import { operations } from '../../src/kernels/index.js';
import { shaders } from '../../src/kernels/shaders.generated.js';
import { type OpenRuntime, openRuntime } from '../../src/platform/node/runtime.js';
import { checkCase, checkForward, checkGradient } from '../../src/verify/check.js';

let opened: OpenRuntime;

beforeAll(async () => {
  opened = await openRuntime();
});

afterAll(async () => {
  await opened.runtime.close();
});

/** Rows that exceed their tolerance, as text: an empty list is what a test wants. */
const exceeded = (
  rows: readonly { name: string; quantity: string; error: number; tolerance: number }[],
): string[] =>
  rows
    .filter(({ error, tolerance }) => !(error <= tolerance))
    .map(({ name, quantity, error, tolerance }) => `${name}, ${quantity}: ${error} > ${tolerance}`);

test.each(
  operations.map((spec) => ({ name: spec.name, spec })),
)('$name agrees with its float64 reference and with central differences, in every variant', async ({
  spec,
}) => {
  const rows = [];
  for (const sample of spec.cases)
    for await (const row of checkCase(opened.runtime, spec, sample)) rows.push(row);
  expect(rows.length).toBeGreaterThan(spec.cases.length);
  expect(exceeded(rows)).toEqual([]);
});

test('names are unique, and every operation has cases and a line of doc', () => {
  const names = operations.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { cases, doc } of operations) {
    expect(cases.length).toBeGreaterThan(0);
    expect(doc).not.toMatch(/\n|^\s*$/);
  }
});

test('every shader file is used by some pass, include or probe', () => {
  const used = new Set<string>();
  for (const spec of operations)
    for (const sample of spec.cases) {
      const inputs = sample.inputs.map(
        (input) => input && { shape: input.shape, dtype: input.dtype ?? 'f32' },
      );
      const outputs = spec.shape(inputs, sample.attrs);
      for (const software of [true, false])
        for (const variant of Object.values(spec.variants)) {
          const features = new Set(['subgroups', 'shader-f16']);
          const allowed = { fastMath: true, halves: true };
          const capabilities = { software, subgroupSize: 8, features, limits: {}, ...allowed };
          const call = {
            inputs,
            outputs,
            attrs: sample.attrs,
            accumulate: outputs.map(() => false),
            capabilities,
          };
          if (variant.valid?.(call) ?? true) for (const { shader } of variant.passes(call)) used.add(shader);
        }
    }
  for (const text of Object.values(shaders))
    for (const [, name] of text.matchAll(/#include "([^"]+)"/g)) used.add(name!);
  const idle = Object.keys(shaders).filter((name) => !used.has(name) && !name.startsWith('probe/'));
  expect(idle).toEqual([]);
});

describe('the check itself', () => {
  const wrong = op({
    name: 'wrong',
    doc: 'says y = 2x, computes x + x one element too far',
    inputs: ['a', 'b'],
    outputs: ['y'],
    shape: ([a]) => [{ shape: a!.shape, dtype: 'f32' }],
    variants: {
      naive: {
        passes: ({ inputs: [a] }) => [{ shader: 'add', params: { size: a!.shape[0]! }, grid: [1, 1, 1] }],
      },
    },
    gradient: ({ dys: [dy] }) => [dy, dy],
    reference: ([a, b]) => [a!.map((value, i) => 2 * value + 0 * b![i]!)],
    cost: () => ({ flops: 0, bytes: 0 }),
    cases: [{ name: '5', inputs: [{ shape: [5] }, { shape: [5] }], attrs: {} }],
  });

  test('sees a wrong value', async () => {
    const rows = await checkForward(opened.runtime, wrong, wrong.cases[0]!, 'naive', false);
    expect(exceeded(rows)).toEqual([expect.stringMatching(/^wrong 5 naive, y: 0\.\d+ > 0\.00001$/)]);
  });

  test('sees a wrong gradient', async () => {
    const rows = await checkGradient(opened.runtime, wrong, wrong.cases[0]!);
    expect(exceeded(rows).map((line) => line.split(',')[1])).toEqual([
      expect.stringContaining('d/da'),
      expect.stringContaining('d/db'),
    ]);
  });
});
