/**
 * Safetensors files (github.com/huggingface/safetensors): an 8-byte little-endian length N, N bytes of JSON that map each tensor's name
 * to { dtype, shape, data_offsets }, then the tensors' bytes, row-major and little-endian, without gaps.
 */
import type { FileHandle } from 'node:fs/promises';
import { messageOf } from '../errors.js';
import { elementBytes, isDtype } from './dtypes.js';
import { attempt, openToRead, writeFileAtomic } from './files.js';
import {
  BrokenFile,
  byteCount,
  readRange,
  type SideData,
  type Stage,
  type StoredTensor,
  type TensorInfo,
  type TensorSource,
  type WeightsFile,
} from './tensors.js';

interface Entry extends TensorInfo {
  /** First byte and the one behind the last, counted from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

/** The format's own limit. */
const maxHeaderBytes = 100_000_000;

/** Key of the metadata that holds our side data as JSON: the format itself has strings only. */
const sideKey = 'clew';

/**
 * Writes a file whole or not at all. Tensors are laid out, and their data asked for, in the order given, but wide elements first: so
 * every tensor is aligned to its element size, as readers that map the file need it.
 * @throws UserError when the disk refuses
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorSource[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const ordered = [...tensors].sort((a, b) => elementBytes[b.dtype] - elementBytes[a.dtype]);
  await writeFileAtomic(path, fileChunks(ordered, metadata));
}

async function* fileChunks(tensors: readonly TensorSource[], metadata: Readonly<Record<string, string>>) {
  yield headerBytes(tensors, metadata);
  for (const tensor of tensors) {
    const data = await tensor.data();
    if (data.byteLength !== byteCount(tensor))
      throw new Error(
        `writeSafetensors: ${tensor.name} is ${tensor.dtype} [${tensor.shape}], ${byteCount(tensor)} bytes, but got ${data.byteLength}`,
      );
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

function headerBytes(
  tensors: readonly TensorSource[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const header = new Map<string, unknown>([['__metadata__', metadata]]);
  let end = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    if (header.has(name)) throw new Error(`writeSafetensors: two tensors are named ${name}`);
    const begin = end;
    end += byteCount(tensor);
    header.set(name, { dtype, shape, data_offsets: [begin, end] });
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  return bytes;
}

/** An open file: the header is read at once, tensors when asked for. */
export class SafetensorsFile implements WeightsFile {
  private constructor(
    readonly path: string,
    readonly tensors: ReadonlyMap<string, StoredTensor>,
    readonly metadata: ReadonlyMap<string, string>,
    readonly side: SideData | undefined,
    private readonly file: FileHandle,
  ) {}

  /** @throws UserError when there is no such file, or it is not a whole and valid one */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await openToRead(path);
    try {
      const { size } = await attempt('read', path, () => file.stat());
      const json = await readHeader(file, path, size);
      const dataStart = 8 + json.length;
      const { entries, metadata } = parseHeader(json, path);
      checkLayout(entries, size - dataStart, path);
      const tensors = new Map(
        [...entries].map(([name, { dtype, shape, begin, end }]) => {
          const read = () => readRange(file, path, dataStart + begin, end - begin);
          return [name, { dtype, shape, read }];
        }),
      );
      return new SafetensorsFile(path, tensors, metadata, parseSide(metadata, path), file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

/** Side data as metadata of a file. @throws Error for a number that JSON would quietly turn into null */
export const sideMetadata = (side: SideData): Record<string, string> => ({
  [sideKey]: JSON.stringify(side, finite),
});

/** A replacer for JSON.stringify. */
export function finite(key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new Error(`side data: ${key} is ${value}, which JSON cannot hold`);
  return value;
}

function parseSide(metadata: ReadonlyMap<string, string>, path: string): SideData | undefined {
  const text = metadata.get(sideKey);
  if (text === undefined) return undefined;
  try {
    const side: unknown = JSON.parse(text);
    if (isRecord(side)) return side;
    throw new Error('not an object');
  } catch (error) {
    throw new BrokenFile(
      path,
      'header',
      `its side data cannot be read (${messageOf(error)}); use another checkpoint`,
    );
  }
}

async function readHeader(file: FileHandle, path: string, size: number): Promise<Uint8Array> {
  if (size < 8) throw broken(path, `only ${size} bytes long`);
  const length = Number(new DataView((await readRange(file, path, 0, 8)).buffer).getBigUint64(0, true));
  if (length > maxHeaderBytes) throw broken(path, `its header would be ${length} bytes long`);
  if (8 + length > size) throw broken(path, `cut off within its header: ${size} bytes of ${8 + length}`);
  return await readRange(file, path, 8, length);
}

function parseHeader(json: Uint8Array, path: string) {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (error) {
    throw broken(path, `its header is not JSON (${messageOf(error)})`);
  }
  if (!isRecord(header)) throw broken(path, 'its header is not a JSON object');
  const entries = new Map<string, Entry>();
  const metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(header))
    if (name === '__metadata__') readMetadata(value, metadata, path);
    else entries.set(name, parseTensor(name, value, path));
  return { entries, metadata };
}

function readMetadata(value: unknown, metadata: Map<string, string>, path: string): void {
  if (!isRecord(value)) throw broken(path, '__metadata__ is not a JSON object');
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw broken(path, `__metadata__.${key} is not a string`);
    metadata.set(key, text);
  }
}

function parseTensor(name: string, value: unknown, path: string): Entry {
  if (!isRecord(value)) throw broken(path, `the entry of tensor ${name} is not a JSON object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype))
    throw new BrokenFile(
      path,
      'tensors',
      `tensor ${name} is of type ${JSON.stringify(dtype)}; convert it to one of ${Object.keys(elementBytes).join(', ')}`,
    );
  if (!isCounts(shape)) throw broken(path, `tensor ${name} has no valid shape`, 'tensors');
  if (!isCounts(offsets) || offsets.length !== 2)
    throw broken(path, `tensor ${name} has no valid data_offsets`, 'tensors');
  const [begin, end] = offsets as [number, number];
  const tensor = { dtype, shape, begin, end };
  if (end - begin !== byteCount(tensor))
    throw broken(
      path,
      `tensor ${name}, ${dtype} [${shape}], needs ${byteCount(tensor)} bytes and has ${end - begin}`,
      'tensors',
    );
  return tensor;
}

/** The tensors must cover the data from its first byte to its last, each byte once. */
function checkLayout(tensors: ReadonlyMap<string, Entry>, dataBytes: number, path: string): void {
  let covered = 0;
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [name, { begin, end }] of inOrder) {
    if (begin < covered) throw broken(path, `tensor ${name} overlaps the one before it`, 'tensors');
    if (begin > covered) throw broken(path, `there is a gap before tensor ${name}`, 'tensors');
    covered = end;
  }
  if (covered > dataBytes)
    throw broken(path, `cut off: ${dataBytes} bytes of tensors instead of ${covered}`, 'tensors');
  if (covered < dataBytes)
    throw broken(path, `${dataBytes - covered} bytes follow its last tensor`, 'tensors');
}

function broken(path: string, what: string, stage: Stage = 'header'): BrokenFile {
  return new BrokenFile(path, stage, `not a whole safetensors file: ${what}; copy or download it again`);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
