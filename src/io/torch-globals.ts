/**
 * What a torch file may ask for by name (the allow-list of pickle.ts), and the objects that it gets: dictionaries, storages, tensors as
 * views of them, and the few numpy and argparse objects that training scripts put beside their weights.
 */
import type { Dtype } from './dtypes.js';
import { type Buildable, Callable, PickleError } from './pickle.js';

/** A flat array of elements in the file; tensors are views of it. */
export interface Storage {
  readonly key: string;
  /** Undefined when the tensors say how they read its bytes. */
  readonly dtype: Dtype | undefined;
  /** Number of elements that are stored, or of bytes where there is no type. */
  readonly length: number;
  /** Elements before the first of this one, where it is a view of the stored one (old files). */
  readonly offset: number;
}

/** A tensor as a view of a storage; offset and strides count elements. */
export class TensorView {
  constructor(
    readonly storage: Storage,
    readonly dtype: Dtype,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** What a type's global stands for. */
class StorageType {
  constructor(readonly dtype: Dtype | undefined) {}
}
class ElementType {
  constructor(readonly dtype: Dtype) {}
}

/** torch's names of element types; `storage` is missing where there was never one. */
export const torchTypes: readonly {
  readonly name: string;
  readonly storage?: string;
  readonly dtype: Dtype;
}[] = [
  { name: 'float32', storage: 'FloatStorage', dtype: 'F32' },
  { name: 'float64', storage: 'DoubleStorage', dtype: 'F64' },
  { name: 'float16', storage: 'HalfStorage', dtype: 'F16' },
  { name: 'bfloat16', storage: 'BFloat16Storage', dtype: 'BF16' },
  { name: 'int64', storage: 'LongStorage', dtype: 'I64' },
  { name: 'int32', storage: 'IntStorage', dtype: 'I32' },
  { name: 'int16', storage: 'ShortStorage', dtype: 'I16' },
  { name: 'int8', storage: 'CharStorage', dtype: 'I8' },
  { name: 'uint8', storage: 'ByteStorage', dtype: 'U8' },
  { name: 'bool', storage: 'BoolStorage', dtype: 'BOOL' },
  { name: 'uint16', dtype: 'U16' },
  { name: 'uint32', dtype: 'U32' },
  { name: 'uint64', dtype: 'U64' },
];

/** The storage behind torch's persistent id, ('storage', type, key, device, length) and in old files a view's (key, offset, length). */
export function storageOf(id: unknown): Storage {
  const [kind, type, key, , length, view] = Array.isArray(id) ? id : [];
  if (kind !== 'storage' || !(type instanceof StorageType) || typeof key !== 'string' || !isCount(length))
    throw new PickleError('a persistent id that is no storage');
  if (view === undefined || view === null) return { key, dtype: type.dtype, length, offset: 0 };
  const [, offset, size] = Array.isArray(view) ? view : [];
  if (!isCount(offset) || !isCount(size) || offset + size > length)
    throw new PickleError(`storage ${key} has no valid view`);
  return { key, dtype: type.dtype, length, offset };
}

/** torch allows no more. */
const maxDimensions = 64;

function tensorView(storage: unknown, offset: unknown, shape: unknown, strides: unknown, type?: unknown) {
  const dtype = type instanceof ElementType ? type.dtype : (storage as Storage | undefined)?.dtype;
  if (typeof storage !== 'object' || storage === null || !('key' in storage) || !dtype)
    throw new PickleError('a tensor without a storage');
  if (!isCount(offset) || !isCounts(shape) || !isCounts(strides) || shape.length !== strides.length)
    throw new PickleError('a tensor without a valid shape');
  const whole = storage as Storage;
  return new TensorView(whole, dtype, whole.offset + offset, shape, strides);
}

/** numpy.dtype: its one-letter names, less the byte order that comes as state. */
class NumpyType implements Buildable {
  isBigEndian = false;
  constructor(readonly code: string) {}
  build(state: unknown): void {
    this.isBigEndian = Array.isArray(state) && state[1] === '>';
  }
}

/** A numpy number (a best accuracy, say) as a number. */
function numpyScalar(type: unknown, data: unknown): number {
  const bytes = typeof data === 'string' && data.length <= 8 ? latin1(data) : data;
  if (!(type instanceof NumpyType) || !(bytes instanceof Uint8Array) || type.isBigEndian)
    throw new PickleError('a numpy number that cannot be read');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const readers: Record<string, () => number> = {
    f8: () => view.getFloat64(0, true),
    f4: () => view.getFloat32(0, true),
    i8: () => Number(view.getBigInt64(0, true)),
    i4: () => view.getInt32(0, true),
    b1: () => view.getUint8(0),
  };
  const read = Object.hasOwn(readers, type.code) ? readers[type.code] : undefined;
  if (!read || bytes.length !== Number(type.code.slice(1)))
    throw new PickleError(`a numpy number of type ${type.code}`);
  return read();
}

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** argparse.Namespace: a training script's flags, as a dictionary. */
export class Namespace implements Buildable {
  flags: unknown = null;
  build(state: unknown): void {
    this.flags = state;
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= maxDimensions && value.every(isCount);

type Call = Callable['call'];

/** A dictionary from pairs (Python 2's OrderedDict) or from another one. */
const dictionary: Call = ([items], spend) => {
  if (items === undefined || items instanceof Callable || items === null) return new Map();
  const pairs = items instanceof Map ? [...items] : items;
  if (!Array.isArray(pairs)) throw new PickleError('a dictionary of something else');
  spend(pairs.length);
  return new Map(
    pairs.map((pair) => {
      if (!Array.isArray(pair) || pair.length !== 2) throw new PickleError('a dictionary of no pairs');
      return [pair[0], pair[1]];
    }),
  );
};

const listOf = (items: unknown, spend: (n: number) => void): unknown[] => {
  if (items === undefined) return [];
  if (!Array.isArray(items)) throw new PickleError('a list of something else');
  spend(items.length);
  return [...items];
};

const calls: Record<string, Call> = {
  'collections OrderedDict': dictionary,
  'collections defaultdict': dictionary,
  'collections Counter': dictionary,
  'builtins dict': dictionary,
  'builtins list': ([items], spend) => listOf(items, spend),
  'builtins set': ([items], spend) => new Set(listOf(items, spend)),
  'torch Size': ([items], spend) => listOf(items, spend),
  'torch device': ([kind]) => kind,
  'torch._utils _rebuild_tensor': ([storage, offset, shape, strides]) =>
    tensorView(storage, offset, shape, strides),
  'torch._utils _rebuild_tensor_v2': ([storage, offset, shape, strides]) =>
    tensorView(storage, offset, shape, strides),
  'torch._utils _rebuild_tensor_v3': ([storage, offset, shape, strides, , , type]) =>
    tensorView(storage, offset, shape, strides, type),
  'torch._utils _rebuild_parameter': ([data]) => data,
  'torch._utils _rebuild_parameter_with_state': ([data]) => data,
  'torch._tensor _rebuild_from_type_v2': ([rebuild, , args], spend) => {
    if (!(rebuild instanceof Callable) || !rebuild.name.startsWith('torch._utils ') || !Array.isArray(args))
      throw new PickleError('a tensor of no type');
    return rebuild.call(args, spend);
  },
  'numpy dtype': ([code]) => new NumpyType(typeof code === 'string' ? code : ''),
  'numpy.core.multiarray scalar': ([type, data]) => numpyScalar(type, data),
  'numpy._core.multiarray scalar': ([type, data]) => numpyScalar(type, data),
  // How protocol 2 writes bytes: text, and this.
  '_codecs encode': ([text], spend) => {
    if (typeof text !== 'string') throw new PickleError('bytes of something else than text');
    spend(text.length);
    return latin1(text);
  },
  'argparse Namespace': () => new Namespace(),
};

/** Everything that a file may ask for; Python 2 calls `builtins` `__builtin__`. */
export const torchGlobals: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ...Object.entries(calls).flatMap(([name, call]) => {
    const callable = new Callable(name, call);
    return [name, name.replace(/^builtins /, '__builtin__ ')].map((key) => [key, callable] as const);
  }),
  ...torchTypes.flatMap(({ name, storage, dtype }) => [
    [`torch ${name}`, new ElementType(dtype)] as const,
    ...(storage ? [[`torch ${storage}`, new StorageType(dtype)] as const] : []),
  ]),
  ['torch.storage UntypedStorage', new StorageType(undefined)],
  ['torch UntypedStorage', new StorageType(undefined)],
  ['torch Tensor', null],
  ['torch.nn.parameter Parameter', null],
]);
