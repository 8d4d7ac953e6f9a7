/**
 * Opens PyTorch's .pth files: zip archives (torch >= 1.6) of a pickle and one entry a storage, and the older sequence of five pickles
 * and raw storages (legacy). Only the pickle is read at once; a tensor's bytes come straight from their place in the file.
 */
import type { FileHandle } from 'node:fs/promises';
import { messageOf, type UserError } from '../errors.js';
import { elementBytes } from './dtypes.js';
import { attempt, openToRead } from './files.js';
import { PickleEnd, PickleError, type PickleRules, unpickle } from './pickle.js';
import { BrokenFile, readRange, type SideData, type StoredTensor, type WeightsFile } from './tensors.js';
import { type Storage, storageOf, torchGlobals } from './torch-globals.js';
import { type StoredBytes, stateDictOf, storedTensors } from './torch-state.js';
import { ZipFile } from './zip-reader.js';

/** 16 MiB of pickle describe some 80,000 tensors. */
const maxPickleBytes = 2 ** 24;
/** torch.serialization.MAGIC_NUMBER: what the first of the five pickles holds. */
const legacyMagic = 0x1950a86a20f9469cfc6cn;
const legacyProtocol = 1001;

export class PthFile implements WeightsFile {
  private constructor(
    readonly path: string,
    readonly tensors: ReadonlyMap<string, StoredTensor>,
    readonly side: SideData | undefined,
    private readonly file: FileHandle,
  ) {}

  /** A zip archive. @throws UserError when there is no such file, it is damaged, or asks for what is not harmless */
  static openZip(path: string): Promise<PthFile> {
    return PthFile.open(path, zipContents);
  }

  /** The older format. @throws as openZip */
  static openLegacy(path: string): Promise<PthFile> {
    return PthFile.open(path, legacyContents);
  }

  private static async open(path: string, contents: typeof zipContents): Promise<PthFile> {
    const file = await openToRead(path);
    try {
      const { size } = await attempt('read', path, () => file.stat());
      const { value, locate } = await contents(file, path, size);
      const { tensors, side } = stateDictOf(value, path);
      return new PthFile(path, storedTensors(tensors, locate, size, path), side, file);
    } catch (error) {
      await file.close();
      if (error instanceof PickleError)
        throw new BrokenFile(path, 'pickle', `its pickle cannot be read: ${messageOf(error)}`);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

interface Contents {
  readonly value: unknown;
  readonly locate: (storage: Storage) => StoredBytes;
}

const torchRules: PickleRules = { globals: torchGlobals, persistent: storageOf };

const storageBytes = ({ dtype, length }: Storage): number => length * (dtype ? elementBytes[dtype] : 1);

const otherByteOrder = (path: string): UserError =>
  new BrokenFile(path, 'header', 'was written on a big-endian machine; load and save it on another one');

async function zipContents(file: FileHandle, path: string, size: number): Promise<Contents> {
  const zip = await ZipFile.open(file, path, size);
  const pickle = zip.names.find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickle === undefined)
    throw new BrokenFile(path, 'zip directory', 'a zip archive, but not one of torch: it has no data.pkl');
  const prefix = pickle.slice(0, -'data.pkl'.length);
  if (zip.names.includes(`${prefix}constants.pkl`))
    throw new BrokenFile(
      path,
      'zip directory',
      'a TorchScript program; save its weights: torch.save(torch.jit.load(FILE).state_dict(), NEW)',
    );
  const order = `${prefix}byteorder`;
  if (zip.names.includes(order) && new TextDecoder().decode(await zip.whole(order, 64)) === 'big')
    throw otherByteOrder(path);
  const { value } = unpickle(await zip.whole(pickle, maxPickleBytes), 0, torchRules);
  const locate = (storage: Storage): StoredBytes => {
    const entry = zip.entry(`${prefix}data/${storage.key}`);
    if (entry.length < storageBytes(storage))
      throw new BrokenFile(
        path,
        'tensors',
        `storage ${storage.key} has ${entry.length} bytes instead of ${storageBytes(storage)}`,
      );
    return entry;
  };
  return { value, locate };
}

async function legacyContents(file: FileHandle, path: string, size: number): Promise<Contents> {
  const storages = new Map<string, Storage>();
  const rules: PickleRules = {
    globals: torchGlobals,
    persistent: (id) => {
      const storage = storageOf(id);
      const known = storages.get(storage.key) ?? storage;
      if (known.length !== storage.length || known.dtype !== storage.dtype)
        throw new PickleError(`storage ${storage.key} has two sizes or types`);
      storages.set(storage.key, known);
      return storage;
    },
  };
  const { values, end } = await pickles(file, path, size, rules, 5);
  const [magic, protocol, system, value, keys] = values;
  if (magic !== legacyMagic || protocol !== legacyProtocol)
    throw new BrokenFile(path, 'header', `a pickle, but not one of torch.save; convert it there`);
  if (system instanceof Map && system.get('little_endian') === false) throw otherByteOrder(path);
  const starts = await legacyStarts(file, path, size, end, keys, storages);
  const locate = (storage: Storage): StoredBytes => {
    const start = starts.get(storage.key);
    if (start === undefined)
      throw new BrokenFile(path, 'tensors', `storage ${storage.key} is not in the file`);
    return {
      length: storageBytes(storage),
      read: (begin, length) => readRange(file, path, start + begin, length),
    };
  };
  return { value, locate };
}

/** Reads `count` pickles in a row. Their length is not known before, so the piece of the file that is read grows until they fit. */
async function pickles(file: FileHandle, path: string, size: number, rules: PickleRules, count: number) {
  for (let window = 2 ** 18; ; window *= 4) {
    const bytes = await readRange(file, path, 0, Math.min(window, size, maxPickleBytes));
    try {
      const values: unknown[] = [];
      let end = 0;
      while (values.length < count) {
        const pickle = unpickle(bytes, end, rules);
        values.push(pickle.value);
        end = pickle.end;
      }
      return { values, end };
    } catch (error) {
      if (!(error instanceof PickleEnd) || bytes.length < window) throw error;
    }
  }
}

/** After the pickles: each storage's number of elements (8 bytes), then its elements, in the order of the last pickle's keys. */
async function legacyStarts(
  file: FileHandle,
  path: string,
  size: number,
  end: number,
  keys: unknown,
  storages: ReadonlyMap<string, Storage>,
): Promise<Map<string, number>> {
  if (!Array.isArray(keys)) throw new PickleError('it lists no storages');
  const starts = new Map<string, number>();
  let position = end;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage || starts.has(key))
      throw new PickleError('it lists a storage that no tensor has, or one twice');
    const header = await readRange(file, path, position, 8);
    const count = new DataView(header.buffer).getBigInt64(0, true);
    if (count !== BigInt(storage.length))
      throw new BrokenFile(
        path,
        'tensors',
        `storage ${key} has ${count} elements instead of ${storage.length}`,
      );
    starts.set(key, position + 8);
    position += 8 + storageBytes(storage);
    if (position > size)
      throw new BrokenFile(path, 'tensors', `cut off in storage ${key}; copy or download it again`);
  }
  return starts;
}
