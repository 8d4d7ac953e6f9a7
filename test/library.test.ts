import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { packagePath } from '../src/platform/node/package-path.js';

const example = packagePath('examples/train-a-net.mjs');

test('the example of the README trains its net, in 25 lines', async () => {
  const text = readFileSync(example, 'utf8');
  expect(text.split('\n').filter((line) => line.trim() && !line.startsWith('//')).length).toBeLessThanOrEqual(
    26,
  );
  expect(readFileSync(packagePath('README.md'), 'utf8')).toContain(text);
  const { stdout } = await promisify(execFile)(process.execPath, [example]);
  const losses = [...stdout.matchAll(/^step (\d+) {2}loss ([\d.]+)$/gm)].map(([, step, loss]) => [
    Number(step),
    Number(loss),
  ]);
  expect(losses.map(([step]) => step)).toEqual([50, 100, 150]);
  expect(losses[2]![1]).toBeLessThan(0.05);
  expect(losses[2]![1]).toBeLessThan(losses[0]![1]! / 2);
});

test('engine, kernels, model and training programs bundle for a browser without a trace of Node', async () => {
  const entry = [
    'src/engine/index.ts',
    'src/verify/check.ts',
    'src/model/lib-net.ts',
    'src/train/programs.ts',
    'src/train/session.ts',
  ];
  const { outputFiles, metafile } = await build({
    entryPoints: entry.map(packagePath),
    bundle: true,
    write: false,
    outdir: 'bundle',
    format: 'esm',
    platform: 'browser',
    metafile: true,
    logLevel: 'silent',
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.length).toBeGreaterThan(60);
  expect(inputs.filter((path) => /platform\/node|src\/(io|data|cli)\//.test(path))).toEqual([]);
  for (const { text } of outputFiles)
    expect(text).not.toMatch(/from\s*"node:|require\(|\bBuffer\.|\bprocess\.|from "webgpu"/);
});
