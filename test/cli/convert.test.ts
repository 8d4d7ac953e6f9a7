import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ReferenceRuntime } from '../../src/engine/reference-runtime.js';
import { writePth } from '../../src/io/pth-writer.js';
import type { TensorSource } from '../../src/io/tensors.js';
import { openWeights } from '../../src/io/weights-file.js';
import { initialise } from '../../src/model/initialise.js';
import { decodeOnnx } from '../../src/onnx/format.js';
import { packagePath } from '../../src/platform/node/package-path.js';
import { Checkpoint } from '../../src/train/checkpoint.js';
import { EpochLog } from '../../src/train/epoch-log.js';
import { Session } from '../../src/train/session.js';
import { foreignState, loadWeights, saveCheckpoint } from '../../src/train/snapshot.js';
import { hasTorch, python } from '../oracle/torch.js';

let folder: string;
const at = (name: string): string => join(folder, name);
const clew = (...words: string[]) =>
  spawnSync(process.execPath, [packagePath('dist/src/cli/main.js'), ...words], {
    cwd: folder,
    encoding: 'utf8',
  });

async function tinySession(): Promise<Session> {
  return await Session.create(
    new ReferenceRuntime(),
    {
      net: { model: 'tiny', libs: 2, gil: true, lil: true },
      loss: { gil: true, lil: true, calculator: 'kl', temperature: 1.5, method: 'auto', scales: [] },
      optimizer: { kind: 'adam', weightDecay: 0, momentum: 0, nesterov: false },
      size: 32,
      dropout: 0,
    },
    { batches: [], evaluationBatch: 2, samples: 2 },
  );
}

/** A checkpoint of ours, after two epochs and 34 steps. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clew-convert-'));
  const session = await tinySession();
  await initialise(session.runtime, session.table, 3);
  const state = {
    epoch: 3,
    step: 0,
    baseLr: 1e-3,
    history: [0.5],
    bestAuc: 0.5,
    batchesTracked: 34,
    imagesSeen: 9,
  };
  await saveCheckpoint(at('ours.safetensors'), session, {
    state,
    log: new EpochLog(),
    about: { version: '1' },
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Scores of two images. */
async function scores(path: string): Promise<number[]> {
  const session = await tinySession();
  const checkpoint = await Checkpoint.open(path);
  await loadWeights(checkpoint, session);
  await checkpoint.close();
  const images = Uint8Array.from({ length: 2 * 32 * 32 * 3 }, (_, i) => (i * i) % 251);
  await session.evaluate(images, Uint32Array.of(0, 1), 0, 0);
  return [...(await session.scores(2))];
}

/** A state dict that PyTorch saved gives PyTorch's logits. */
async function compareWithTorch(): Promise<void> {
  const script = packagePath('test/cli/fixtures/tiny-in-torch.py');
  const want: number[] = JSON.parse(execFileSync(python, [script, at('torch.pth')], { encoding: 'utf8' }));
  const got = await scores(at('torch.pth'));
  expect(Math.abs(want[0]! - want[2]!)).toBeGreaterThan(1e-4);
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(want[i]!, 6);
  });
}

test("a checkpoint of ours becomes the reference's {state_dict, epoch}, and gives the same logits", async () => {
  const { status, stdout, stderr } = clew('convert', 'ours.safetensors', 'theirs.pth');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^tensor +type +shape\n/);
  expect(stdout).toMatch(/\nregion_model2\.conv1\.weight +F32 +\[8, 3, 3, 3\]\n/);
  expect(stdout).toContain(
    '\nbeside the tensors: epoch\nleft out: the state of the run (version, state, taskWeights)\n',
  );
  expect(stdout).toMatch(/\nwrote theirs\.pth \(PyTorch\): \d+ tensors, [\d.]+ MB in /);
  const theirs = await Checkpoint.open(at('theirs.pth'));
  expect(theirs.side).toEqual({ epoch: 2 });
  expect(await theirs.integers('bottleneck.model.1.num_batches_tracked')).toEqual([34]);
  expect(await foreignState(theirs)).toEqual({ epoch: 2, batchesTracked: 34 });
  await theirs.close();
  const got = await scores(at('theirs.pth'));
  expect(got).toEqual(await scores(at('ours.safetensors')));
  expect(got[0]).not.toBeCloseTo(got[2]!, 6);
  if (hasTorch) await compareWithTorch();
});

test('there and back, tensors and counters are the same; module. is taken off and said', async () => {
  const bytes = async (path: string) => {
    const file = await openWeights(path);
    const all = new Map<string, string>();
    for (const [name, { read }] of file.tensors) all.set(name, Buffer.from(await read()).toString('base64'));
    await file.close();
    return [new Map([...all].sort()), file.side] as const;
  };
  const ours = await openWeights(at('ours.safetensors'));
  const tensors = [...ours.tensors].map(
    ([name, { dtype, shape, read }]): TensorSource => ({ name: `module.${name}`, dtype, shape, data: read }),
  );
  tensors.push({
    name: 'module.region_model1.fc.bias',
    dtype: 'F32',
    shape: [2],
    data: () => Float32Array.of(1, 2),
  });
  await writePth(at('cards.pth'), tensors, { epoch: 5, arch: 'tiny' });
  await ours.close();
  const { stdout } = clew('convert', 'cards.pth', 'cards.safetensors');
  expect(stdout).toContain(`\nrenamed: module.NAME -> NAME, ${tensors.length} tensors\n`);
  expect(clew('convert', 'cards.safetensors', 'again.pth').status).toBe(0);
  const [again, side] = await bytes(at('again.pth'));
  expect(side).toEqual({ epoch: 5, arch: 'tiny' });
  const original = (await bytes(at('ours.safetensors')))[0];
  const fc = Buffer.from(Float32Array.of(1, 2).buffer).toString('base64');
  expect(again).toEqual(new Map([...original, ['region_model1.fc.bias', fc]].sort() as [string, string][]));
});

test('nothing is overwritten or half written; mistakes are named', () => {
  writeFileSync(at('keep.pth'), 'precious');
  const refused = clew('convert', 'ours.safetensors', 'keep.pth');
  expect([refused.status, refused.stderr]).toEqual([
    2,
    'clew: keep.pth: is there already; choose another name, or replace it with --overwrite\n',
  ]);
  writeFileSync(at('cut.safetensors'), readFileSync(at('ours.safetensors')));
  truncateSync(at('cut.safetensors'), 1000);
  expect(clew('convert', 'cut.safetensors', 'keep.pth', '--overwrite')).toMatchObject({ status: 1 });
  expect(readFileSync(at('keep.pth'), 'utf8')).toBe('precious');
  expect(clew('convert', 'ours.safetensors', 'new.zip').stderr).toBe(
    'clew: new.zip: the extension says what to write; use .pth, .pt, .safetensors\n',
  );
  expect(clew('convert', 'ours.safetensors')).toMatchObject({ status: 2 });
  expect(clew('convert', 'ours.safetensors', 'keep.pth', '--overwrite').status).toBe(0);
  expect(readdirSync(folder).filter((name) => name.includes('tmp'))).toEqual([]);
  expect(existsSync(at('new.zip'))).toBe(false);
});

interface Named {
  readonly name: string;
}
interface OnnxFile {
  readonly graph: { readonly output: readonly Named[]; readonly initializer: readonly Named[] };
}
const readOnnx = (name: string): OnnxFile => decodeOnnx(readFileSync(at(name))) as unknown as OnnxFile;

test('a checkpoint of ours becomes an ONNX model of the whole detector', () => {
  const { status, stdout, stderr } = clew('convert', 'ours.safetensors', 'ours.onnx', '--size', '32');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('wrote ours.onnx (ONNX, opset 17): tiny with 2 LIBs, images of 32 x 32');
  const { graph } = readOnnx('ours.onnx');
  expect(graph.output.map(({ name }) => name)).toEqual(['z', 'f', 'l_1', 'l_2', 'score']);
  const names = new Set(graph.initializer.map(({ name }) => name));
  expect([...names].filter((name) => /^region_model2\.bn1\./.test(name))).toHaveLength(4);
  const folded = clew('convert', 'ours.safetensors', 'folded.onnx', '--size', '32', '--fold');
  expect(folded.stdout).toContain('batch norms folded');
  const { initializer } = readOnnx('folded.onnx').graph;
  expect(initializer.some(({ name }) => /\.bn1\./.test(name))).toBe(false);
});

test('--fold without an ONNX file to write, and a file that is no detector', () => {
  const wrong = clew('convert', 'ours.safetensors', 'x.pth', '--fold');
  expect({ status: wrong.status, stderr: wrong.stderr }).toEqual({
    status: 2,
    stderr: 'clew: --fold: goes with an OUT that ends in .onnx\n',
  });
  const plain = clew('convert', packagePath('test/io/fixtures/zip.pth'), 'x.onnx');
  expect(plain.status).toBe(1);
  expect(plain.stderr).toMatch(/^clew: not the state dict of a detector: /);
  expect(existsSync(at('x.onnx'))).toBe(false);
});
