import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Dtype } from '../../src/io/dtypes.js';
import { SafetensorsFile, writeSafetensors } from '../../src/io/safetensors.js';
import { readFloats, readIntegers, type TensorSource } from '../../src/io/tensors.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clew-safetensors-'));
  path = join(folder, 'm.safetensors');
});
afterEach(() => rmSync(folder, { recursive: true }));

const tensor = (name: string, dtype: Dtype, shape: number[], data: ArrayBufferView): TensorSource => ({
  name,
  dtype,
  shape,
  data: () => data,
});

/** A file with this header and so many bytes of tensors. */
function craft(header: unknown, dataBytes: number): void {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  writeFileSync(path, file);
}

test('the bytes of a file, by hand', async () => {
  await writeSafetensors(
    path,
    [tensor('w', 'F32', [2], Float32Array.of(1, -2)), tensor('n', 'I64', [], BigInt64Array.of(7n))],
    { format: 'pt' },
  );
  const file = readFileSync(path);
  const json =
    '{"__metadata__":{"format":"pt"},"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}';
  expect(file.readBigUInt64LE(0)).toBe(144n);
  expect(file.toString('utf8', 8, 152)).toBe(json.padEnd(144));
  expect(file.toString('hex', 152)).toBe('07000000000000000000803f000000c0');
});

test('reads back every type; 16-bit floats by their bits', async () => {
  await writeSafetensors(path, [
    tensor('f64', 'F64', [1], Float64Array.of(0.1)),
    // 1, -2, largest, smallest normal, smallest subnormal, infinity, -0, NaN
    tensor('f16', 'F16', [2, 4], Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 1, 0x7c00, 0x8000, 0x7e00)),
    tensor('bf16', 'BF16', [2], Uint16Array.of(0x3f80, 0xc049)),
    tensor('i64', 'I64', [2], BigInt64Array.of(-3n, 9007199254740991n)),
    tensor('i32', 'I32', [1], Int32Array.of(-7)),
    tensor('u8', 'U8', [3], Uint8Array.of(0, 128, 255)),
    tensor('bool', 'BOOL', [1], Uint8Array.of(1)),
    tensor('none', 'F32', [0, 3], new Float32Array(0)),
  ]);
  const file = await SafetensorsFile.open(path);
  const half = [1, -2, 65504, 2 ** -14, 2 ** -24, Infinity, -0, NaN];
  expect([...(await readFloats(file, 'f16'))]).toEqual(half);
  expect([...(await readFloats(file, 'f64'))]).toEqual([Math.fround(0.1)]);
  expect([...(await readFloats(file, 'bf16'))]).toEqual([1, -3.140625]);
  expect([...(await readFloats(file, 'u8'))]).toEqual([0, 128, 255]);
  expect(await readIntegers(file, 'i64')).toEqual([-3, 9007199254740991]);
  expect(await readIntegers(file, 'i32')).toEqual([-7]);
  expect(await readIntegers(file, 'bool')).toEqual([1]);
  expect(await readFloats(file, 'none')).toEqual(new Float32Array(0));
  expect(file.tensors.get('f16')).toMatchObject({ dtype: 'F16', shape: [2, 4] });
  await expect(readFloats(file, 'w')).rejects.toThrow(`${path}: holds no tensor w`);
  await expect(readIntegers(file, 'f64')).rejects.toThrow('holds values that are no exact integers');
  await file.close();
});

test('asks for the tensors one after the other', async () => {
  const events: string[] = [];
  const lazy = (name: string): TensorSource => ({
    name,
    dtype: 'F32',
    shape: [1000],
    data: async () => {
      events.push(`start ${name}`);
      await Promise.resolve();
      events.push(`end ${name}`);
      return new Float32Array(1000).fill(events.length);
    },
  });
  await writeSafetensors(path, [lazy('a'), lazy('b'), lazy('c')]);
  expect(events).toEqual(['start a', 'end a', 'start b', 'end b', 'start c', 'end c']);
  const file = await SafetensorsFile.open(path);
  expect((await readFloats(file, 'b'))[999]).toBe(4);
  await file.close();
});

test('a view into a larger buffer writes its own part', async () => {
  await writeSafetensors(path, [tensor('v', 'F32', [2], Float32Array.of(1, 2, 3, 4).subarray(1, 3))]);
  const file = await SafetensorsFile.open(path);
  expect([...(await readFloats(file, 'v'))]).toEqual([2, 3]);
  await file.close();
});

test('wrong sources are refused before a file appears', async () => {
  const one = tensor('a', 'F32', [3], new Float32Array(2));
  await expect(writeSafetensors(path, [one])).rejects.toThrow('a is F32 [3], 12 bytes, but got 8');
  await expect(writeSafetensors(path, [one, one])).rejects.toThrow('two tensors are named a');
  await expect(SafetensorsFile.open(path)).rejects.toThrow(
    `cannot read ${path}: there is no such file; check the path (ENOENT)`,
  );
});

test('a file cut off at any of its bytes is named', async () => {
  await writeSafetensors(path, [tensor('a', 'F32', [8], new Float32Array(8))]);
  const { length } = readFileSync(path);
  for (let size = length - 1; size >= 0; size--) {
    truncateSync(path, size);
    await expect(SafetensorsFile.open(path)).rejects.toThrow(
      new RegExp(`^${path}: not a whole safetensors file: (cut off|only).*; copy or download it again$`),
    );
  }
});

const f32 = (shape: unknown, offsets: unknown, dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets: offsets,
});
const faults: [string, unknown, number, string][] = [
  ['no JSON', '{"a"', 0, 'its header is not JSON'],
  ['an array', '[]', 0, 'its header is not a JSON object'],
  ['overlap', { a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12, 'tensor b overlaps the one before it'],
  ['gap', { a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, 12, 'there is a gap before tensor b'],
  ['late start', { a: f32([1], [4, 8]) }, 8, 'there is a gap before tensor a'],
  ['out of range', { a: f32([4], [0, 16]) }, 12, 'cut off: 12 bytes of tensors instead of 16'],
  ['bytes left', { a: f32([1], [0, 4]) }, 9, '5 bytes follow its last tensor'],
  ['wrong size', { a: f32([3], [0, 8]) }, 8, 'tensor a, F32 [3], needs 12 bytes and has 8'],
  ['negative size', { a: f32([-2], [8, 0]) }, 8, 'tensor a has no valid shape'],
  ['fraction', { a: f32([0.5], [0, 2]) }, 2, 'tensor a has no valid shape'],
  ['one offset', { a: f32([1], [0]) }, 4, 'tensor a has no valid data_offsets'],
  ['no object', { a: 3 }, 0, 'the entry of tensor a is not a JSON object'],
  [
    'unknown type',
    { a: f32([1], [0, 1], 'F8_E4M3') },
    1,
    'tensor a is of type "F8_E4M3"; convert it to one of F64',
  ],
  ['inherited type', { a: f32([1], [0, 1], 'toString') }, 1, 'tensor a is of type "toString"; convert it'],
  ['metadata', { __metadata__: { epoch: 3 } }, 0, '__metadata__.epoch is not a string'],
];
for (const [what, header, dataBytes, text] of faults)
  test(`refuses a header with ${what}`, async () => {
    craft(header, dataBytes);
    await expect(SafetensorsFile.open(path)).rejects.toThrow(text);
    await expect(SafetensorsFile.open(path)).rejects.toThrow(path);
  });

test('refuses a header of a length that cannot be', async () => {
  writeFileSync(path, new Uint8Array(16).fill(255));
  await expect(SafetensorsFile.open(path)).rejects.toThrow(
    'its header would be 18446744073709552000 bytes long',
  );
});
