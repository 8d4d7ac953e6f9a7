/** Finds the state dict in what a torch file holds, and reads its tensors: views of storages become row-major values. */
import { elementBytes } from './dtypes.js';
import { BrokenFile, byteCount, elementCount, type SideData, type StoredTensor } from './tensors.js';
import { Namespace, type Storage, TensorView } from './torch-globals.js';

/** A storage as it lies in the file. */
export interface StoredBytes {
  readonly length: number;
  read(begin: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

export interface TorchContents {
  readonly tensors: ReadonlyMap<string, TensorView>;
  readonly side: SideData | undefined;
}

/** Keys that training scripts give the state dict, in the order of preference. */
const stateKeys = [
  'state_dict',
  'model_state_dict',
  'model',
  'net',
  'network',
  'state_dict_ema',
  'model_ema',
];

/**
 * The state dict is the file itself, or lies in it under a key (`{state_dict, epoch}`, as the reference writes it); whatever else is
 * plain data goes to the side.
 * @throws BrokenFile when there is none, or one cannot tell which it is
 */
export function stateDictOf(value: unknown, path: string): TorchContents {
  if (value instanceof TensorView || !(value instanceof Map))
    throw new BrokenFile(
      path,
      'pickle',
      'holds no dictionary; save a state dict: torch.save(model.state_dict(), FILE)',
    );
  const nested = [...value].filter(([, inner]) => inner instanceof Map && holdsTensors(inner));
  const key =
    stateKeys.find((known) => nested.some(([name]) => name === known)) ??
    (!holdsTensors(value) && nested.length === 1 ? nested[0]![0] : undefined);
  if (key === undefined && !holdsTensors(value))
    throw new BrokenFile(
      path,
      'pickle',
      nested.length > 1
        ? `holds several state dicts (${nested.map(([name]) => describe(name)).join(', ')}); save one of them alone`
        : 'holds no tensors',
    );
  const state: Map<unknown, unknown> = key === undefined ? value : value.get(key);
  const others = [...value].filter(([name, inner]) => name !== key && !(inner instanceof TensorView));
  const side = Object.fromEntries(
    others.flatMap(([name, inner]) => {
      const plain = typeof name === 'string' ? plainValue(inner) : undefined;
      return plain === undefined ? [] : [[name, plain] as const];
    }),
  );
  return {
    tensors: tensorsIn(state, path),
    side: key === undefined && others.length === 0 ? undefined : side,
  };
}

const holdsTensors = (map: Map<unknown, unknown>): boolean =>
  [...map.values()].some((value) => value instanceof TensorView);

const describe = (name: unknown): string => (typeof name === 'string' ? name : typeof name);

function tensorsIn(state: Map<unknown, unknown>, path: string): Map<string, TensorView> {
  const tensors = new Map<string, TensorView>();
  for (const [name, value] of state) {
    if (!(value instanceof TensorView)) continue;
    if (typeof name !== 'string')
      throw new BrokenFile(path, 'pickle', 'a tensor of its state dict has no name');
    tensors.set(name, value);
  }
  return tensors;
}

/** Most values that one entry of side data may have: what is larger (an optimizer's state) is no note about the weights. */
const maxPlainValues = 10_000;

/** As JSON holds it; undefined for anything that it cannot hold, tensors first of all. */
function plainValue(value: unknown): unknown {
  let left = maxPlainValues;
  const convert = (inner: unknown, depth: number): unknown => {
    if (--left < 0 || depth > 16) throw new NotPlain();
    if (inner === null || typeof inner === 'boolean' || typeof inner === 'string') return inner;
    if (typeof inner === 'number' && Number.isFinite(inner)) return inner;
    if (Array.isArray(inner)) return inner.map((item) => convert(item, depth + 1));
    if (inner instanceof Namespace) return convert(inner.flags, depth + 1);
    if (!(inner instanceof Map)) throw new NotPlain();
    return Object.fromEntries(
      [...inner].map(([key, item]) => {
        if (typeof key !== 'string' && typeof key !== 'number') throw new NotPlain();
        return [`${key}`, convert(item, depth + 1)];
      }),
    );
  };
  try {
    return convert(value, 0);
  } catch (error) {
    if (error instanceof NotPlain) return undefined;
    throw error;
  }
}

class NotPlain extends Error {}

/** Tensors may repeat elements (shared storages, strides of 0), but not so that a small file asks for a large memory. */
const maxRepetition = 16;
const freeBytes = 64 * 2 ** 20;

/**
 * The tensors with how to read them.
 * @throws BrokenFile for a tensor that reaches beyond its storage
 */
export function storedTensors(
  views: ReadonlyMap<string, TensorView>,
  locate: (storage: Storage) => StoredBytes,
  fileBytes: number,
  path: string,
): Map<string, StoredTensor> {
  let left = maxRepetition * fileBytes + freeBytes;
  return new Map(
    [...views].map(([name, view]) => {
      const stored = locate(view.storage);
      const size = elementBytes[view.dtype];
      if ((view.offset + span(view)) * size > stored.length)
        throw new BrokenFile(
          path,
          'tensors',
          `tensor ${name}, ${view.dtype} [${view.shape}], reaches beyond its storage of ${stored.length} bytes`,
        );
      left -= byteCount(view);
      if (!(left >= 0))
        throw new BrokenFile(
          path,
          'tensors',
          `its tensors repeat their values to more than ${maxRepetition} times the file's size`,
        );
      const { dtype, shape } = view;
      return [name, { dtype, shape, read: () => readView(view, stored) }];
    }),
  );
}

/** Elements from a tensor's first to its last, in storage order. */
function span({ shape, strides }: TensorView): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((reach, d, i) => reach + (d - 1) * strides[i]!, 1);
}

async function readView(view: TensorView, stored: StoredBytes): Promise<Uint8Array<ArrayBuffer>> {
  const size = elementBytes[view.dtype];
  const bytes = await stored.read(view.offset * size, span(view) * size);
  return isContiguous(view) ? bytes : gather(view, bytes, size);
}

/** Whether the elements already lie in row-major order; dimensions of size 1 may have any stride. */
function isContiguous({ shape, strides }: TensorView): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i]!;
  }
  return true;
}

const wordArrays = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;

/** Copies elements, whatever they are, from strided to row-major order: an odometer over the leading dimensions, a loop over the last. */
function gather({ shape, strides }: TensorView, bytes: Uint8Array<ArrayBuffer>, size: 1 | 2 | 4 | 8) {
  const from = new wordArrays[size](bytes.buffer);
  const to = new wordArrays[size](elementCount(shape));
  const last = shape.length - 1;
  const [run, stride] = [shape[last]!, strides[last]!];
  const index = new Array<number>(last).fill(0);
  let source = 0;
  for (let done = 0; done < to.length; ) {
    for (let i = 0; i < run; i++) to[done++] = from[source + i * stride]!;
    for (let axis = last - 1; axis >= 0; axis--) {
      source += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      source -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return new Uint8Array(to.buffer);
}
