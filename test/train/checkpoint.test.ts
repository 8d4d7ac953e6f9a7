import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { disk } from '../../src/io/files.js';
import { writeSafetensors } from '../../src/io/safetensors.js';
import type { TensorSource } from '../../src/io/tensors.js';
import { Checkpoint, writeCheckpoint } from '../../src/train/checkpoint.js';

const intact = { ...disk };
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clew-checkpoint-'));
  path = join(folder, 'model_last.safetensors');
});
afterEach(() => {
  Object.assign(disk, intact);
  rmSync(folder, { recursive: true });
});

const weights = (value: number, prefix = ''): TensorSource[] => [
  {
    name: `${prefix}linear.1.weight`,
    dtype: 'F32',
    shape: [2, 2],
    data: () => new Float32Array(4).fill(value),
  },
  {
    name: `${prefix}bottleneck.model.1.num_batches_tracked`,
    dtype: 'I64',
    shape: [],
    data: async () => BigInt64Array.of(12n),
  },
];
const side = (epoch: number) => ({
  epoch,
  baseLr: { lr: 1e-3, history: [0.5, 0.1 + 0.2] },
  name: 'Gesicht "ü"',
});

async function stored(): Promise<[number, unknown]> {
  const checkpoint = await Checkpoint.open(path);
  const [weight] = await checkpoint.floats('linear.1.weight');
  await checkpoint.close();
  return [weight!, checkpoint.side];
}

test('tensors and side data come back exactly', async () => {
  await writeCheckpoint(path, weights(3), side(7));
  const checkpoint = await Checkpoint.open(path);
  expect(checkpoint.side).toEqual(side(7));
  expect(checkpoint.tensors.get('linear.1.weight')).toMatchObject({ dtype: 'F32', shape: [2, 2] });
  expect(checkpoint.tensors.size).toBe(2);
  expect(await checkpoint.integers('bottleneck.model.1.num_batches_tracked')).toEqual([12]);
  expect([...(await checkpoint.floats('linear.1.weight'))]).toEqual([3, 3, 3, 3]);
  await expect(checkpoint.floats('linear.2.weight')).rejects.toThrow(
    `${path}: holds no tensor linear.2.weight`,
  );
  await checkpoint.close();
  expect(readdirSync(folder)).toEqual(['model_last.json', 'model_last.safetensors']);
  expect(JSON.parse(readFileSync(join(folder, 'model_last.json'), 'utf8'))).toEqual(side(7));
});

test('weights written by others: no side data, `module.` taken off', async () => {
  await writeSafetensors(path, weights(2, 'module.'));
  const checkpoint = await Checkpoint.open(path);
  expect(checkpoint.side).toBeUndefined();
  expect([...checkpoint.tensors.keys()].sort()).toEqual([
    'bottleneck.model.1.num_batches_tracked',
    'linear.1.weight',
  ]);
  expect((await checkpoint.floats('linear.1.weight'))[0]).toBe(2);
  await checkpoint.close();
  await writeSafetensors(path, [...weights(2, 'module.'), ...weights(2)]);
  await expect(Checkpoint.open(path)).rejects.toThrow(
    `${path}: holds both bottleneck.model.1.num_batches_tracked and module.bottleneck.model.1.num_batches_tracked; keep one of them`,
  );
});

test('wherever a write stops, tensors and side data belong together', async () => {
  await writeCheckpoint(path, weights(1), side(1));
  const old = [1, side(1)];
  for (let fail = 0; fail < 2; fail++) {
    let renames = 0;
    disk.rename = async (from, to) => {
      if (renames++ === fail) throw Object.assign(new Error(), { code: 'ENOSPC', syscall: 'rename' });
      await intact.rename(from, to);
    };
    await expect(writeCheckpoint(path, weights(2), side(2))).rejects.toThrow('the disk is full');
    // The first rename is the checkpoint itself, the second its copy for people.
    expect(await stored()).toEqual(fail === 0 ? old : [2, side(2)]);
  }
});

test('a lost device, a full disk: the earlier checkpoint still loads', async () => {
  await writeCheckpoint(path, weights(1), side(1));
  const lost: TensorSource = { ...weights(2)[0]!, data: () => Promise.reject(new Error('device lost')) };
  await expect(writeCheckpoint(path, [lost], side(2))).rejects.toThrow('device lost');
  expect(await stored()).toEqual([1, side(1)]);
  let writes = 0;
  disk.write = (file, bytes) =>
    ++writes === 2
      ? Promise.reject(Object.assign(new Error(), { code: 'ENOSPC', syscall: 'write' }))
      : intact.write(file, bytes);
  await expect(writeCheckpoint(path, weights(2), side(2))).rejects.toThrow(
    `cannot write ${path}: the disk is full; free some space or write to another disk (ENOSPC)`,
  );
  expect(await stored()).toEqual([1, side(1)]);
  expect(readdirSync(folder)).toEqual(['model_last.json', 'model_last.safetensors']);
});

test('side data that JSON would change is refused', async () => {
  await expect(writeCheckpoint(path, [], { bestAuc: -Infinity })).rejects.toThrow(
    'bestAuc is -Infinity, which JSON cannot hold',
  );
});

test('a damaged checkpoint is named', async () => {
  await writeCheckpoint(path, weights(1), side(1));
  truncateSync(path, readFileSync(path).length - 4);
  await expect(Checkpoint.open(path)).rejects.toThrow(
    `${path}: not a whole safetensors file: cut off: 20 bytes of tensors instead of 24; copy or download it again`,
  );
  await writeSafetensors(path, [], { clew: '[1]' });
  await expect(Checkpoint.open(path)).rejects.toThrow(
    `${path}: its side data cannot be read (not an object); use another checkpoint`,
  );
});
