/** Writes .pth files as torch.save does (zip format, pickle protocol 2), of nothing but what weights_only=True allows. */
import { UserError } from '../errors.js';
import { writeFileAtomic } from './files.js';
import { elementCount, type SideData, type TensorSource } from './tensors.js';
import { torchTypes } from './torch-globals.js';
import { type ZipSource, zipChunks } from './zip-writer.js';

const text =
  (value: string): ZipSource['data'] =>
  () =>
    new TextEncoder().encode(value);

/**
 * Writes a file whole or not at all: `{state_dict, ...side}` as the reference's checkpoints are, or a bare state dict where there is no
 * side data. Every tensor has a storage of its own and is asked for its data when its turn comes.
 * @throws UserError when the disk refuses, or a type is not one of torch.save's
 */
export async function writePth(
  path: string,
  tensors: readonly TensorSource[],
  side: SideData | undefined,
): Promise<void> {
  const storages = tensors.map(({ data }, key) => ({ name: `archive/data/${key}`, data }));
  const pickle = pickled(tensors, side, path);
  await writeFileAtomic(
    path,
    zipChunks([
      { name: 'archive/data.pkl', data: () => pickle },
      { name: 'archive/byteorder', data: text('little') },
      ...storages,
      { name: 'archive/version', data: text('3\n') },
    ]),
  );
}

function pickled(tensors: readonly TensorSource[], side: SideData | undefined, path: string): Uint8Array {
  const out = new Pickler();
  if (side !== undefined) out.raw('}(').string('state_dict');
  out.global('collections', 'OrderedDict').raw(')R(');
  tensors.forEach((tensor, key) => {
    out.string(tensor.name);
    writeTensor(out, tensor, key, path);
  });
  out.raw('u');
  if (side !== undefined) {
    for (const [name, value] of Object.entries(side)) {
      if (name === 'state_dict') throw new Error('writePth: side data named state_dict');
      out.string(name).value(value);
    }
    out.raw('u');
  }
  return out.finish();
}

/** torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks); the storage as a persistent id. */
function writeTensor(out: Pickler, { name, dtype, shape }: TensorSource, key: number, path: string): void {
  const storage = torchTypes.find((type) => type.dtype === dtype)?.storage;
  if (!storage)
    throw new UserError(
      `${path}: tensor ${name} is of type ${dtype}, which .pth files of most PyTorch versions cannot hold; write a .safetensors file`,
    );
  const strides = shape.map((_, i) => elementCount(shape.slice(i + 1)));
  out.global('torch._utils', '_rebuild_tensor_v2').raw('((').string('storage').global('torch', storage);
  out.string(`${key}`).string('cpu').value(elementCount(shape)).raw('tQ').value(0);
  out.tuple(shape).tuple(strides).value(false).global('collections', 'OrderedDict').raw(')RtR');
}

/** Opcodes by their letters in Python's pickletools. */
class Pickler {
  private readonly parts: Uint8Array[] = [Uint8Array.of(0x80, 2)];

  raw(letters: string): this {
    this.parts.push(new TextEncoder().encode(letters));
    return this;
  }

  global(module: string, name: string): this {
    return this.raw(`c${module}\n${name}\n`);
  }

  string(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.number('X', 4, (view) => view.setUint32(1, bytes.length, true)).push(bytes);
  }

  tuple(values: readonly number[]): this {
    this.raw('(');
    for (const value of values) this.value(value);
    return this.raw('t');
  }

  /** Anything that JSON holds. */
  value(value: unknown): this {
    if (value === null) return this.raw('N');
    if (typeof value === 'boolean') return this.push(Uint8Array.of(value ? 0x88 : 0x89));
    if (typeof value === 'string') return this.string(value);
    if (typeof value === 'number') return this.numeric(value);
    if (Array.isArray(value)) {
      this.raw('](');
      for (const item of value) this.value(item);
      return this.raw('e');
    }
    if (typeof value !== 'object') throw new Error(`writePth: ${typeof value} in the side data`);
    this.raw('}(');
    for (const [key, item] of Object.entries(value as object)) this.string(key).value(item);
    return this.raw('u');
  }

  private numeric(value: number): this {
    if ((value | 0) === value && !Object.is(value, -0))
      return this.number('J', 4, (view) => view.setInt32(1, value, true));
    if (Number.isSafeInteger(value) && !Object.is(value, -0))
      return this.push(Uint8Array.of(0x8a, 8)).push(new Uint8Array(BigInt64Array.of(BigInt(value)).buffer));
    return this.number('G', 8, (view) => view.setFloat64(1, value, false));
  }

  private number(letter: string, bytes: number, write: (view: DataView) => void): this {
    const part = new Uint8Array(1 + bytes);
    part[0] = letter.charCodeAt(0);
    write(new DataView(part.buffer));
    return this.push(part);
  }

  private push(part: Uint8Array): this {
    this.parts.push(part);
    return this;
  }

  finish(): Uint8Array {
    return Buffer.concat([...this.parts, new TextEncoder().encode('.')]);
  }
}
