import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writePth } from '../../src/io/pth-writer.js';
import type { TensorInfo, WeightsFile } from '../../src/io/tensors.js';
import { openWeights } from '../../src/io/weights-file.js';
import { hasTorch, python } from '../oracle/torch.js';

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clew-pth-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Folders of files with known contents. */
function samples(): string[] {
  if (!hasTorch) return [fixtures];
  execFileSync(python, [join(fixtures, 'make-fixture.py'), folder]);
  return [fixtures, folder];
}

type Expected = Record<string, TensorInfo & { readonly bytes: string }>;
const expectedIn = (from: string): Expected => JSON.parse(readFileSync(join(from, 'expected.json'), 'utf8'));

/** All that a file holds, as make-fixture.py writes it down. */
async function contents({ tensors }: WeightsFile): Promise<Expected> {
  const all: [string, Expected[string]][] = [];
  for (const [name, { dtype, shape, read }] of tensors)
    all.push([name, { dtype, shape: [...shape], bytes: Buffer.from(await read()).toString('hex') }]);
  return Object.fromEntries(all);
}

const side = {
  epoch: 7,
  best_auc: 0.75,
  arch: 'grün',
  seen: 2 ** 40,
  args: { lr: 0.001, scales: [1, 2, 10] },
  size: [3, 4],
};

test.each([
  'zip.pth',
  'legacy.pth',
])('%s of torch.save: every type, stride and shared storage, and the side data', async (file) => {
  for (const from of samples()) {
    const opened = await openWeights(join(from, file));
    expect(await contents(opened)).toEqual(expectedIn(from));
    expect(opened.side).toEqual(side); // without the optimizer's state, which is tensors
    await opened.close();
  }
});

test('what we write comes back equal, and torch.load takes it, with weights_only too', async () => {
  const path = join(folder, 'ours.pth');
  for (const from of samples()) {
    const opened = await openWeights(join(from, 'zip.pth'));
    const tensors = [...opened.tensors].map(([name, { dtype, shape, read }]) => ({
      name,
      dtype,
      shape,
      data: read,
    }));
    await writePth(path, tensors, opened.side);
    const again = await openWeights(path);
    expect(await contents(again)).toEqual(expectedIn(from));
    expect(again.side).toEqual(side);
    await again.close();
    const check = (...words: string[]) =>
      hasTorch &&
      execFileSync(python, [join(fixtures, 'check-written.py'), path, join(from, 'expected.json'), ...words]);
    check();
    // torch 1.13's weights_only knows no fractions; tensors, whole numbers and text it does.
    const { epoch, arch, size } = side;
    await writePth(path, tensors, { epoch, arch, size });
    check('weights_only');
    await opened.close();
  }
  await writePth(path, [{ name: 'a', dtype: 'F32', shape: [], data: () => Float32Array.of(2) }], undefined);
  const bare = await openWeights(path);
  expect([bare.side, await contents(bare)]).toEqual([
    undefined,
    { a: { dtype: 'F32', shape: [], bytes: '00000040' } },
  ]);
  await bare.close();
});

/** A pickle, in hexadecimal or as text, as a legacy file's fourth. */
function legacy(pickle: string, keys = '5d'): string {
  const path = join(folder, 'crafted.pth');
  const head = '80028a0a6cfc9c46f9206aa850192e80024de9032e80027d2e8002';
  writeFileSync(path, Buffer.from(`${head}${pickle}2e8002${keys}2e`, 'hex'));
  return path;
}
const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex');

test('a global that is not on the list is named, and nothing is run', async () => {
  const proof = join(folder, 'proof');
  const command = `touch ${proof}`;
  const call = `${hex('cos\nsystem\n(U')}${command.length.toString(16).padStart(2, '0')}${hex(`${command}tR`)}`;
  await expect(openWeights(legacy(call))).rejects.toThrow(
    'its pickle cannot be read: it asks for os.system, which is not on the list of harmless ones; nothing of it was run.',
  );
  expect(existsSync(proof)).toBe(false);
  await expect(openWeights(legacy(hex('cbuiltins\neval\n.')))).rejects.toThrow('it asks for builtins.eval');
  await expect(openWeights(legacy(hex('c__builtin__\n__proto__\n.')))).rejects.toThrow(
    'it asks for __builtin__.__proto__',
  );
});

test('small files that ask for much are refused', async () => {
  // A list of 1,000 items, and a thousand copies of it, a thousand times over.
  const list = `5d7100${hex('(')}${'4e'.repeat(1000)}${hex('e0')}`;
  const copies = hex('c__builtin__\nlist\n').concat('7101', '30', '68016800', '85', '52', '30').repeat(1200);
  await expect(openWeights(legacy(list + copies))).rejects.toThrow('it makes more than 1000000 objects');
  // A tensor of 10^12 elements that repeats one; one that reaches beyond its storage.
  const tensor = (shape: string, strides: string): string =>
    `7d${hex('X')}0100000077${hex('ctorch._utils\n_rebuild_tensor_v2\n((X')}07000000${hex('storagectorch\nFloatStorage\nX')}01000000${hex('0X')}03000000${hex('cpuK')}01${hex('NtQK')}00${shape}${strides}89${hex('ccollections\nOrderedDict\n)RtRs')}`;
  const keys = `5d${hex('X')}0100000030${hex('a')}`;
  const storage = '01000000000000000000803f';
  const append = async (pickle: string) => {
    const path = legacy(pickle, keys);
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from(storage, 'hex')]));
    const file = await openWeights(path);
    await file.close();
    return file.tensors.get('w')?.shape;
  };
  expect(await append(tensor('4b01854b0185'.slice(0, 6), '4b0185'))).toEqual([1]);
  await expect(append(tensor('4d10274d1027' + '4d1027' + '87', '4b004b004b0087'))).rejects.toThrow(
    'repeat their values',
  );
  await expect(append(tensor('4b0285', '4b0185'))).rejects.toThrow(
    'tensor w, F32 [2], reaches beyond its storage of 4 bytes',
  );
});

test('other things in a pickle or a zip say what they are', async () => {
  await expect(openWeights(legacy(hex('K\x01')))).rejects.toThrow('holds no dictionary; save a state dict');
  await expect(openWeights(legacy('7d'))).rejects.toThrow('holds no tensors');
  await expect(openWeights(legacy('ff'))).rejects.toThrow('opcode 0xff at byte 27 is not allowed');
  const path = join(folder, 'text.pth.txt');
  writeFileSync(path, 'hello');
  await expect(openWeights(path)).rejects.toThrow(
    `${path}: not a weights file that can be read (PyTorch, PyTorch before 1.6, safetensors)`,
  );
});

test.each(['zip.pth', 'legacy.pth'])('%s cut off anywhere is an error that names it', async (name) => {
  const whole = readFileSync(join(fixtures, name));
  const path = join(folder, 'cut.pth');
  for (let size = 0; size < whole.length; size += 97) {
    writeFileSync(path, whole.subarray(0, size));
    await expect(openWeights(path)).rejects.toThrow(path);
  }
});
