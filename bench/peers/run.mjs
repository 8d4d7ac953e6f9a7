// Clew beside TensorFlow.js, jax-js and PyTorch on one adapter, interleaved in one run: npm run bench:peers -- [--only kernels|steps]
// [--case REGEXP] [--json FILE] [--svg FILE]. Each side's values are checked before it is timed, and nobody spins while waiting.
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = fileURLToPath(new URL('.', import.meta.url));
const { flags, pattern } = readFlags();
if (!existsSync(`${here}node_modules`))
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here, stdio: ['ignore', 2, 2] });

const { bytesOf, expected, flopsOf, inputsOf, kernelCases, stepCases } = await import('./cases.mjs');
const { gpuFor } = await import('./gpu.mjs');
const { printTable, writeSvg } = await import('./output.mjs');
const { LimitProbes, medianLimits } = await import('../../dist/src/platform/probe.js');
const { median } = await import('../../dist/src/median.js');

const chosenKernels =
  flags.only === 'steps' ? [] : kernelCases.filter(({ op, shape }) => pattern.test(`${op} ${shape}`));
const chosenSteps = flags.only === 'kernels' ? [] : stepCases.filter(({ model }) => pattern.test(model));
if (chosenKernels.length + chosenSteps.length === 0) misused(`--case ${flags.case}: there is no such case`);

const ROUND_MS = 60;
const ROUNDS = 5;
/** OpenMP's threads spin for a while before they sleep. */
const TORCH_REST_MS = 50;
/** A side that takes longer for its first run, in which it traces and compiles, is out. */
const LIMIT_MS = 600_000;

const clew = await (await import('./clew.mjs')).open();
if (!clew.device) throw new Error('the peers need a GPU or a driver: not --adapter reference');
await gpuFor(clew.adapter);
const sides = { clew };
for (const name of ['tfjs', 'jaxjs']) sides[name] = await (await import(`./${name}.mjs`)).open();
const hasTorch = findTorch();
const notes = new Set();

/** Taken in the same rounds as everything else, since a shared machine is not always as fast. */
const limitProbes = await LimitProbes.open(clew.device.device, clew.adapter.software);
const cases = [];
if (chosenKernels.length > 0)
  await withTorch(async (torch) => {
    for (const c of chosenKernels) cases.push(await compareKernel(c, torch));
  });
const steps = [];
for (const c of chosenSteps) await withTorch(async (torch) => steps.push(await compareStep(c, torch)));
const limits = medianLimits([...cases, ...steps].map((c) => c.limits));
const report = {
  adapter: clew.name,
  fma_gflops: limits.fmaGflops,
  copy_gbps: limits.copyGBps,
  cases: cases.map(({ flops, bytes, limits: { fmaGflops, copyGBps }, ...c }) => {
    const [gflops, gbps] = [flops / c.clew_ms / 1e6, bytes / c.clew_ms / 1e6];
    const share_of_peak = Math.max(gflops / fmaGflops, gbps / copyGBps);
    return { ...c, gflops, share_of_peak, fma_gflops: fmaGflops, copy_gbps: copyGBps };
  }),
  steps: steps.map(({ limits: _, ...s }) => s),
};
printTable(report, notes);
if (flags.json) writeFileSync(flags.json, `${JSON.stringify(report, null, 2)}\n`);
if (flags.svg) await writeSvg(report, flags.svg);
await clew.close();
process.exit(0); // the peers hold the process

/** All mistakes are found before minutes of measuring. */
function readFlags() {
  try {
    const names = ['only', 'case', 'json', 'svg'];
    const options = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
    const { values } = parseArgs({ options });
    if (!['kernels', 'steps', undefined].includes(values.only))
      misused(`--only ${values.only}: wants kernels or steps`);
    for (const file of [values.json, values.svg].filter((name) => name !== undefined))
      accessSync(dirname(resolve(file)), constants.W_OK);
    return { flags: values, pattern: new RegExp(values.case ?? '') };
  } catch (error) {
    return misused(error.message);
  }
}

function misused(message) {
  process.stderr.write(`bench:peers: ${message}\n`);
  process.exit(2);
}

async function compareKernel(c, torch) {
  process.stderr.write(`${c.op} ${c.shape} ...\n`);
  const probes = expected(c, inputsOf(c));
  const times = await compare(
    `${c.op} ${c.shape}`,
    (side) => side.prepare(c),
    { torch, work: c },
    async (prepared) => {
      const got = await prepared.result();
      const scale = Math.max(...probes.map(([, value]) => Math.abs(value)));
      const error = Math.max(...probes.map(([at, value]) => Math.abs(got[at] - value))) / scale;
      if (!(error < 1e-3)) throw new Error(`wrong by ${error}`);
    },
  );
  return { op: c.op, shape: c.shape, ...times, flops: flopsOf(c), bytes: bytesOf(c) };
}

async function compareStep(c, torch) {
  process.stderr.write(`step ${c.model} ...\n`);
  const times = await compare(
    `step ${c.model}`,
    (side) => side.prepareStep(c),
    { torch, work: { step: c } },
    async (prepared) => {
      const loss = await prepared.loss();
      if (!(loss > 1 && loss < 20)) throw new Error(`a loss of ${loss}`);
    },
  );
  return { ...c, ...times };
}

/** Medians by side and of the adapter's limits, interleaved round by round; null where a side fails, with a note why. */
async function compare(what, prepare, { torch, work }, check) {
  const runs = [];
  const result = {};
  for (const [name, side] of Object.entries(sides)) {
    result[`${name}_ms`] = null;
    try {
      const prepared = await limited(prepare(side));
      const first = await limited(time(prepared, 1));
      await check(prepared);
      const once = await time(prepared, 1);
      if (first > LIMIT_MS) throw new Error(`${Math.round(first / 1000)} s for the first run`);
      runs.push({ name, prepared, rounds: [], times: Math.max(1, Math.ceil(ROUND_MS / once)) });
    } catch (error) {
      notes.add(`${name}, ${what}: ${String(error.message ?? error).slice(0, 120)}`);
    }
  }
  await torch?.prepare(work);
  const limits = [];
  const torchRounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    limits.push(await limitProbes.again());
    for (const run of runs) if (round < 2 || run.rounds[0] < 5000) run.rounds.push(await timeAgain(run));
    if (torch) torchRounds.push(await torch.round());
  }
  result.limits = medianLimits(limits);
  for (const { name, prepared, rounds } of runs) {
    result[`${name}_ms`] = median(rounds);
    prepared.dispose();
  }
  // The better of one and two threads.
  result.torch_ms = torch ? Math.min(...[0, 1].map((i) => median(torchRounds.map((ms) => ms[i])))) : null;
  return result;
}

/** One run before the clock starts: caches and page tables hold what the side before has left. */
async function timeAgain({ prepared, times }) {
  await time(prepared, 1);
  return time(prepared, times);
}

async function time({ run, sync }, times) {
  const start = performance.now();
  for (let i = 0; i < times; i++) run();
  await sync();
  return (performance.now() - start) / times;
}

function limited(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`more than ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function findTorch() {
  try {
    execFileSync('python3', ['-c', 'import torch'], { stdio: 'ignore', env: systemPython() });
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs `use` beside PyTorch in a process of its own, idle while the others are timed; undefined where it is not installed. A training
 * step gets a fresh one, as users train: what glibc's allocator has learned from other work spares it page faults (1.2 times as fast).
 */
async function withTorch(use) {
  const torch = hasTorch ? startTorch() : undefined;
  await use(torch);
  torch?.stop();
}

function startTorch() {
  const child = spawn('python3', [`${here}torch_bench.py`], {
    stdio: ['pipe', 'pipe', 2],
    env: systemPython(),
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ready = lines.next();
  const ask = async (message) => {
    await ready;
    child.stdin.write(`${JSON.stringify(message)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error('torch_bench.py has ended');
    return value;
  };
  return {
    prepare: ask,
    round: async () => {
      const ms = JSON.parse(await ask(null));
      await sleep(TORCH_REST_MS);
      return ms;
    },
    stop: () => child.kill(),
  };
}

/** Debian's PyTorch belongs to its own Python. */
function systemPython() {
  return { ...process.env, PATH: `/usr/bin:${process.env.PATH}` };
}
