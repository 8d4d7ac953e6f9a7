import { describe, expect, test } from 'vitest';
import { op, type Pass } from '../../src/engine/op.js';
import { addShader } from '../../src/engine/shader.js';
import { Graph } from '../../src/engine/tensor.js';
import { shared } from '../../src/kernels/work-queue.js';
import { openRuntime } from '../../src/platform/node/runtime.js';

const VISIT = 'test-visit-tiles' as Pass['shader'];
addShader(
  VISIT,
  `struct Params { count: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> visits: array<f32>;
fn tiles() -> u32 { return params.count; }
fn tile(index: u32, lane: u32) {
  if (lane == 0u) { visits[index] += 1.0; }
}
#include "lib/work-queue"`,
);

/** Counts how often each of `count` tiles is computed, by so many workgroups. */
const visit = (count: number, workers: number) =>
  op({
    name: `visit ${count}`,
    doc: 'visits += 1',
    inputs: ['visits'],
    outputs: [],
    mutates: ['visits'],
    shape: () => [],
    variants: {
      naive: {
        passes: ({ capabilities: { subgroupSize } }) => [
          {
            shader: VISIT,
            constants: { QUEUE: true, LANES: subgroupSize },
            params: { count },
            grid: [workers, 1, 1],
          },
        ],
      },
    },
    reference: ([visits]) => [visits!.map((n) => n + 1)],
    cost: () => ({ flops: count, bytes: 8 * count }),
    cases: [],
  });

describe('the work queue', () => {
  // Up to 511 tiles are taken one by one, more several at once; workgroups may outnumber tiles.
  const runs = [1, 2, 31, 33, 511, 512, 1009, 40_001, 200_003].flatMap((count) =>
    [1, 2, 7, 32].map((workers) => ({ count, workers })),
  );

  test('gives each tile to one workgroup, dispatch after dispatch', async () => {
    const { runtime } = await openRuntime();
    const programs = await runtime.compile(
      runs.map(({ count, workers }, i) => {
        const graph = new Graph();
        visit(count, workers).call([graph.buffer(`visits ${i}`, [count])], {});
        return { name: `${count}`, graph };
      }),
    );
    for (let round = 0; round < 3; round++) runtime.submit(programs.map((run) => ({ run })));
    for (const [i, { count, workers }] of runs.entries()) {
      const visits = await runtime.read(`visits ${i}`, 0, count);
      const wrong = Array.from(visits.entries()).filter(([, n]) => n !== 3);
      expect(wrong.slice(0, 3), `${count} tiles, ${workers} workgroups`).toEqual([]);
    }
    await runtime.close();
  });
});

describe('tiles are shared out', () => {
  const features = new Set(['subgroups']);
  const shares = (software: boolean, subgroupSize: number, tiles: number) => {
    const { constants, grid } = shared(tiles, 8, {
      capabilities: { software, subgroupSize, features, limits: {} },
    });
    return [constants.QUEUE, ...grid];
  };

  test('through a queue where a driver deals out workgroups beforehand', () => {
    expect(shares(true, 8, 1000)).toEqual([true, 32, 1, 1]);
    expect(shares(true, 8, 5)).toEqual([true, 5, 1, 1]);
  });

  test('a workgroup each on other software adapters and on GPUs', () => {
    expect(shares(true, 4, 1000)).toEqual([false, 1000, 1, 1]);
    expect(shares(false, 8, 70_000)).toEqual([false, 35_000, 2, 1]);
  });
});
