import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type Call, type Op, op, type Pass } from '../../src/engine/op.js';
import { callKey } from '../../src/engine/plan.js';
import type { ProgramSource } from '../../src/engine/runtime.js';
import { addShader } from '../../src/engine/shader.js';
import { Graph } from '../../src/engine/tensor.js';
import { type Timings, type TuneMode, type TunerCache, tune } from '../../src/engine/tuner.js';
import { addOp } from '../../src/kernels/add.js';
import { operations } from '../../src/kernels/index.js';
import { type OpenRuntime, openRuntime } from '../../src/platform/node/runtime.js';
import { tunerCache } from '../../src/platform/node/tuner-cache.js';

let opened: OpenRuntime;
const folder = mkdtempSync(join(tmpdir(), 'clew-tuner-'));

beforeAll(async () => {
  opened = await openRuntime();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

afterAll(async () => {
  await opened.runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

const passes = (call: Call): Pass[] => addOp.variants.naive!.passes(call);
const times = (n: number) => ({ passes: (call: Call) => new Array(n).fill(0).flatMap(() => passes(call)) });

const NAN = 'test-nan' as Pass['shader'];
const BROKEN = 'test-broken' as Pass['shader'];
addShader(
  NAN,
  `struct Params { scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) { y[id.x] = params.scale / params.scale; }`,
);
addShader(BROKEN, 'fn main( {');

/** Adds: as it should, eight times over, and only the first half, which is the quickest. */
const contest = op({
  ...addOp,
  name: 'contest',
  variants: {
    slow: times(8),
    right: times(1),
    wrong: {
      passes: (call: Call) => passes(call).map((pass) => ({ ...pass, params: { size: 30_000 } })),
    },
  },
});

function sourceOf(spec: Op, size = 1_000_000): ProgramSource {
  const graph = new Graph();
  const into = { tensor: graph.buffer('y', [size]), accumulate: false };
  graph.call(spec, [graph.buffer('a', [size]), graph.buffer('b', [size])], {}, [into]);
  return { name: 'contest', graph };
}

/** A cache in memory that counts. */
class Memory implements TunerCache {
  timings: Timings = {};
  reads = 0;
  writes = 0;

  async read(): Promise<Timings> {
    this.reads++;
    return this.timings;
  }

  async write(timings: Timings): Promise<void> {
    this.writes++;
    this.timings = timings;
  }
}

async function chosen(mode: TuneMode, cache: TunerCache, spec: Op = contest): Promise<string | undefined> {
  const source = sourceOf(spec);
  const choose = await tune(opened.runtime, [source], { mode, cache });
  const [node] = source.graph.nodes;
  return choose(callKey(spec, node!), spec);
}

test('full measures every candidate, and a wrong one is never chosen, however quick', async () => {
  const cache = new Memory();
  const variant = await chosen('full', cache);
  const [timings] = Object.values(cache.timings);
  expect(timings!.map(({ variant }) => variant)).toEqual(['slow', 'right', 'wrong']);
  expect(timings![1]!.error).toBe(0);
  expect(timings![2]!.error).toBeGreaterThan(0.1);
  const right = timings!.slice(0, 2).sort((a, b) => a.ms - b.ms);
  expect(variant).toBe(right[0]!.variant);
});

test('what was measured once is not measured again, and the cached figures decide', async () => {
  const cache = new Memory();
  await chosen('full', cache);
  const turned = (of: string, ms: number) =>
    Object.fromEntries(
      Object.entries(cache.timings).map(([id, list]) => [
        id,
        list.map((timing) => (timing.variant === of ? { ...timing, ms } : timing)),
      ]),
    );
  for (const mode of ['cached', 'full'] as const)
    for (const favourite of ['slow', 'right']) {
      cache.timings = turned('wrong', 0);
      cache.timings = turned('slow', favourite === 'slow' ? 1 : 2);
      cache.timings = turned('right', favourite === 'right' ? 1 : 2);
      expect(await chosen(mode, cache)).toBe(favourite);
    }
  expect(cache.writes).toBe(2); // before and behind the one call
});

test('off asks nobody; cached without a cache leaves the default and measures nothing', async () => {
  const cache = new Memory();
  expect(await chosen('off', cache)).toBeUndefined();
  expect(cache.reads).toBe(0);
  expect(await chosen('cached', cache)).toBeUndefined();
  expect([cache.reads, cache.writes]).toEqual([1, 0]);
});

test('a kernel that has changed is measured again', async () => {
  const cache = new Memory();
  await chosen('full', cache);
  const changed = op({ ...contest, variants: { ...contest.variants, slow: times(3) } });
  await chosen('full', cache, changed);
  expect(cache.writes).toBe(4);
  expect(Object.keys(cache.timings).length).toBe(2);
});

test('a candidate that gives no numbers is chosen neither now nor from the file', async () => {
  vi.stubEnv('CLEW_CACHE', join(folder, 'numbers'));
  const zero = { scale: 0 }; // 0/0
  const spec = op({
    ...contest,
    name: 'contest_of_numbers',
    variants: {
      right: times(1),
      none: { passes: (call: Call) => passes(call).map((pass) => ({ ...pass, shader: NAN, params: zero })) },
    },
  });
  const cache = tunerCache('a card that divides by zero');
  expect(await chosen('full', cache, spec)).toBe('right');
  expect(Object.values(await cache.read())[0]!.map(({ error }) => error)).toEqual([0, Number.MAX_VALUE]);
  expect(await chosen('cached', cache, spec)).toBe('right');
});

test('a candidate that does not compile is left out, and the others are measured', async () => {
  const cache = new Memory();
  const broken = { passes: (call: Call) => passes(call).map((pass) => ({ ...pass, shader: BROKEN })) };
  const spec = op({ ...contest, name: 'contest_of_compilers', variants: { right: times(1), broken } });
  expect(await chosen('full', cache, spec)).toBe('right');
  expect(Object.values(cache.timings)[0]!.map(({ variant }) => variant)).toEqual(['right', 'broken']);
});

test('what was measured before a tuning is stopped is kept', async () => {
  const cache = new Memory();
  const second = op({ ...contest, name: 'second_contest' });
  const stop = (done: number): void => {
    if (done === 1) throw new Error('stopped');
  };
  const sources = [sourceOf(contest), sourceOf(second)];
  await expect(tune(opened.runtime, sources, { mode: 'full', cache, progress: stop })).rejects.toThrow(
    'stopped',
  );
  expect(Object.keys(cache.timings)).toHaveLength(1);
});

test('a default that is the obvious kernel is measured, too, however long it takes', async () => {
  const cache = new Memory();
  const slow = { flops: 1e9, bytes: 0 };
  const spec = op({
    ...contest,
    name: 'contest_of_defaults',
    variants: { naive: times(1), other: times(2) },
    cost: () => slow,
  });
  await chosen('full', cache, spec);
  expect(Object.values(cache.timings)[0]!.map(({ variant }) => variant)).toEqual(['naive', 'other']);
});

test('a call too small to matter is left alone', async () => {
  const cache = new Memory();
  await tune(opened.runtime, [sourceOf(contest, 1000)], { mode: 'full', cache });
  expect(cache.timings).toEqual({});
});

test('timings are kept per adapter; a damaged file is as good as none', async () => {
  vi.stubEnv('CLEW_CACHE', folder);
  const kept = { 'conv2d #1': [{ variant: 'tile', ms: 1.5, error: 0 }] };
  await tunerCache('Card A (driver 1)').write(kept);
  expect(await tunerCache('Card A (driver 1)').read()).toEqual(kept);
  expect(await tunerCache('Card A (driver 2)').read()).toEqual({});
  const files = readdirSync(join(folder, 'tuner'));
  expect(files.length).toBe(1);
  mkdirSync(join(folder, 'tuner'), { recursive: true });
  writeFileSync(join(folder, 'tuner', files[0]!), '{"adapter": "Card A (driver 1)", "timi');
  expect(await tunerCache('Card A (driver 1)').read()).toEqual({});
});

test('no layout for software adapters is valid on a GPU', () => {
  const gpu = { software: false, subgroupSize: 32, features: new Set<string>(), limits: {} };
  const found: string[] = [];
  for (const spec of operations)
    for (const { inputs, attrs } of [...spec.cases, ...(spec.benchmarks ?? [])]) {
      const metas = inputs.map(
        (input) => input && { shape: input.shape, dtype: input.dtype ?? ('f32' as const) },
      );
      const outputs = spec.shape(metas, attrs);
      const call: Call = {
        inputs: metas,
        outputs,
        attrs,
        accumulate: outputs.map(() => false),
        capabilities: gpu,
      };
      const bigger = { ...gpu, limits: new Proxy({}, { get: () => 2 ** 31 }) };
      for (const capabilities of [gpu, bigger])
        for (const [name, variant] of Object.entries(spec.variants))
          if (
            /software|packed|rows\d|buffers|threads/.test(name) &&
            (variant.valid?.({ ...call, capabilities }) ?? true)
          )
            found.push(`${spec.name} ${name}`);
    }
  expect([...new Set(found)]).toEqual([]);
});
