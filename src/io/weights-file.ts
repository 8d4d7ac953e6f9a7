/**
 * The formats of weights files, one row each: `openWeights` and `clew convert` know nothing else of them. A file is recognised by its
 * first bytes; what to write follows from the extension.
 */
import { extname } from 'node:path';
import { UsageError } from '../errors.js';
import { attempt, openToRead } from './files.js';
import { PthFile } from './pth.js';
import { writePth } from './pth-writer.js';
import { SafetensorsFile, sideMetadata, writeSafetensors } from './safetensors.js';
import { BrokenFile, type SideData, type TensorSource, type WeightsFile } from './tensors.js';

/** What a file is written from. */
export interface WeightsContents {
  readonly tensors: readonly TensorSource[];
  /** Undefined: weights only. */
  readonly side: SideData | undefined;
}

export interface WeightsFormat {
  readonly name: string;
  readonly extensions: readonly string[];
  /** Whether a file that starts with these (up to 512) bytes is one; formats that are only written have neither. */
  readonly recognises?: (head: Uint8Array) => boolean;
  readonly open?: (path: string) => Promise<WeightsFile>;
  /** Writes a file whole or not at all; formats that are only read have none. */
  readonly write?: (path: string, contents: WeightsContents) => Promise<void>;
}

const startsWith = (head: Uint8Array, ...bytes: number[]): boolean =>
  head.length >= bytes.length && bytes.every((byte, i) => head[i] === byte);

export const formats: readonly WeightsFormat[] = [
  {
    name: 'PyTorch',
    extensions: ['.pth', '.pt', '.tar', '.bin', '.ckpt'],
    recognises: (head) => startsWith(head, 0x50, 0x4b, 3, 4),
    open: PthFile.openZip,
    write: (path, { tensors, side }) => writePth(path, tensors, side),
  },
  {
    name: 'PyTorch before 1.6',
    extensions: [],
    recognises: (head) => startsWith(head, 0x80) && (head[1] ?? 0) <= 5,
    open: PthFile.openLegacy,
  },
  {
    name: 'safetensors',
    extensions: ['.safetensors'],
    recognises: (head) => head[8] === 0x7b, // the brace that opens its JSON
    open: SafetensorsFile.open,
    write: (path, { tensors, side }) =>
      writeSafetensors(path, tensors, { format: 'pt', ...(side ? sideMetadata(side) : {}) }),
  },
];

const byExtension = (path: string): WeightsFormat | undefined =>
  formats.find(({ extensions }) => extensions.includes(extname(path).toLowerCase()));

/**
 * Opens a file by what it holds, else by what it is called.
 * @throws UserError when there is no such file, or it is damaged or of no known format
 */
export async function openWeights(path: string): Promise<WeightsFile> {
  const head = await firstBytes(path);
  const format = formats.find(({ recognises }) => recognises?.(head)) ?? byExtension(path);
  if (!format?.open)
    throw new BrokenFile(
      path,
      'signature',
      `not a weights file that can be read (${formats.flatMap(({ open, name }) => (open ? [name] : [])).join(', ')})`,
    );
  return await format.open(path);
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await openToRead(path);
  try {
    const { buffer, bytesRead } = await attempt('read', path, () =>
      file.read(new Uint8Array(512), 0, 512, 0),
    );
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The format that a path's extension names, with its writer. @throws UsageError that lists the extensions */
export function formatToWrite(path: string): WeightsFormat & Required<Pick<WeightsFormat, 'write'>> {
  const format = byExtension(path);
  if (format?.write) return { ...format, write: format.write };
  const known = formats.flatMap(({ write, extensions }) => (write ? extensions.slice(0, 2) : []));
  throw new UsageError(`${path}: the extension says what to write; use ${known.join(', ')}`);
}
