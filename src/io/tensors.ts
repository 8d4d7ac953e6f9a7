/** What every weights file is made of, whatever its format: named tensors, read when asked for, and side data. */
import type { FileHandle } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { type Dtype, elementBytes, elements, toFloats } from './dtypes.js';
import { attempt } from './files.js';

export interface TensorInfo {
  readonly dtype: Dtype;
  /** Empty for a scalar. */
  readonly shape: readonly number[];
}

/** A tensor to write; `data` is asked for when its turn comes and not kept, so that a file may be larger than memory. */
export interface TensorSource extends TensorInfo {
  readonly name: string;
  data(): ArrayBufferView | Promise<ArrayBufferView>;
}

/** A tensor in a file. */
export interface StoredTensor extends TensorInfo {
  /** Its values, row-major and little-endian. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** Anything JSON can hold, by name. */
export type SideData = Readonly<Record<string, unknown>>;

/** An open file: names, types and shapes are read at once, values when asked for. */
export interface WeightsFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** What lies beside the tensors (epoch, ...); undefined in a file that holds weights only. */
  readonly side: SideData | undefined;
  close(): Promise<void>;
}

/** Which part of a file is at fault; what a fuzzer counts. */
export type Stage = 'signature' | 'header' | 'zip directory' | 'pickle' | 'tensors' | 'data';

/** A file that is damaged, or holds what cannot be read. */
export class BrokenFile extends UserError {
  override readonly name = 'BrokenFile';
  constructor(
    path: string,
    readonly stage: Stage,
    what: string,
  ) {
    super(`${path}: ${what}`);
  }
}

export const elementCount = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);
export const byteCount = ({ dtype, shape }: TensorInfo): number => elementCount(shape) * elementBytes[dtype];

/** Size of all tensors, for messages. */
export const megabytes = (tensors: ReadonlyMap<string, StoredTensor>): string =>
  ([...tensors.values()].reduce((sum, tensor) => sum + byteCount(tensor), 0) / 1e6).toFixed(1);

/** The tensor of this name. @throws UserError when there is none */
function tensorOf({ path, tensors }: WeightsFile, name: string): StoredTensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new UserError(`${path}: holds no tensor ${name}`);
  return tensor;
}

/** A tensor rounded to float32, whatever its type. */
export async function readFloats(file: WeightsFile, name: string): Promise<Float32Array<ArrayBuffer>> {
  const tensor = tensorOf(file, name);
  return toFloats(tensor.dtype, (await tensor.read()).buffer);
}

/** A tensor of integers (counters, labels), exact. */
export async function readIntegers(file: WeightsFile, name: string): Promise<number[]> {
  const tensor = tensorOf(file, name);
  const values = Array.from<number | bigint, number>(
    elements(tensor.dtype, (await tensor.read()).buffer),
    Number,
  );
  if (!values.every(Number.isSafeInteger))
    throw new UserError(
      `${file.path}: tensor ${name} (${tensor.dtype}) holds values that are no exact integers`,
    );
  return values;
}

/** One read call takes at most 2 GiB. */
const pieceBytes = 1 << 26;

/** Exactly these bytes of a file, in a buffer of their own. @throws BrokenFile when the file ends before */
export async function readRange(
  file: FileHandle,
  path: string,
  start: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const piece = Math.min(pieceBytes, length - done);
    const { bytesRead } = await attempt('read', path, () => file.read(bytes, done, piece, start + done));
    if (bytesRead === 0)
      throw new BrokenFile(path, 'data', `cut off at byte ${start + done}; copy or download it again`);
    done += bytesRead;
  }
  return bytes;
}
