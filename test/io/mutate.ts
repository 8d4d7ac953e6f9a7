/**
 * Mutated weights files for the fuzzer, built so that most get past the header: a mutated pickle lies in a sound archive again, a mutated
 * JSON header has its right length. Everything follows from the Rng.
 */
import type { Rng } from '../../src/rng.js';

const below = (rng: Rng, n: number): number => Math.floor(rng.uniform() * n);
const pick = <T>(rng: Rng, items: readonly T[]): T => items[below(rng, items.length)]!;
const join = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);

/** Numbers at the edges of their types. */
const edges = [
  0,
  1,
  2,
  3,
  127,
  128,
  255,
  256,
  32767,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  -1,
  -2,
];

/** Flips, overwrites, removes, repeats or cuts bytes from `from` on. */
export function mutateBytes(rng: Rng, bytes: Uint8Array, from = 0): Uint8Array {
  const copy = Uint8Array.from(bytes);
  if (copy.length <= from) return copy;
  const at = from + below(rng, copy.length - from);
  const end = Math.min(copy.length, at + 1 + below(rng, 16));
  switch (below(rng, 6)) {
    case 0:
      copy[at]! ^= 1 << below(rng, 8);
      return copy;
    case 1:
      copy[at] = below(rng, 256);
      return copy;
    case 2:
      if (at + 4 <= copy.length) new DataView(copy.buffer).setInt32(at, pick(rng, edges) | 0, true);
      return copy;
    case 3:
      return join(copy.subarray(0, at), copy.subarray(end));
    case 4:
      return join(copy.subarray(0, end), copy.subarray(at));
    default:
      return copy.slice(0, at);
  }
}

/** Bytes of argument after an opcode: a number, how many bytes the length takes that comes first, or lines of text. */
type Argument = { readonly fixed: number } | { readonly counted: number } | { readonly lines: number };
const argumentsOf: Readonly<Record<string, Argument>> = {
  '\x80': { fixed: 1 },
  K: { fixed: 1 },
  M: { fixed: 2 },
  J: { fixed: 4 },
  G: { fixed: 8 },
  q: { fixed: 1 },
  r: { fixed: 4 },
  h: { fixed: 1 },
  j: { fixed: 4 },
  X: { counted: 4 },
  U: { counted: 1 },
  '\x8a': { counted: 1 },
  c: { lines: 2 },
};

/** A pickle of torch.save's, cut into its instructions. */
export function instructions(pickle: Uint8Array): Uint8Array[] {
  const view = new DataView(pickle.buffer, pickle.byteOffset, pickle.length);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < pickle.length; ) {
    const argument = argumentsOf[String.fromCharCode(pickle[at]!)] ?? { fixed: 0 };
    let end = at + 1;
    if ('fixed' in argument) end += argument.fixed;
    else if ('counted' in argument)
      end += argument.counted + (argument.counted === 1 ? pickle[end]! : view.getUint32(end, true));
    else for (let line = 0; line < argument.lines; line++) end = pickle.indexOf(10, end) + 1;
    parts.push(pickle.slice(at, end));
    at = end;
  }
  return parts;
}

const globals = [
  'os\nsystem',
  'builtins\neval',
  'posix\nsystem',
  'torch\nLongStorage',
  'torch\nUntypedStorage',
  'torch\nfloat64',
  'torch._utils\n_rebuild_tensor_v3',
  'torch._utils\n_rebuild_parameter',
  'torch._tensor\n_rebuild_from_type_v2',
  'collections\nOrderedDict',
  'builtins\nlist',
  'argparse\nNamespace',
  'numpy\ndtype',
].map((name) => Buffer.from(`c${name}\n`));
const opcodes = [...'(.01N])}tae2suRbQ'].map((letter) => Buffer.from(letter));

/** Changes, removes, repeats, swaps or inserts one to three instructions of a pickle. */
export function mutatePickle(rng: Rng, pickle: Uint8Array): Uint8Array {
  const parts = instructions(pickle);
  for (let n = 1 + below(rng, 3); n > 0; n--) {
    const at = below(rng, parts.length);
    const part = parts[at];
    if (!part) continue;
    const numbers = parts.flatMap((each, i) => (/^[KMJhqG]/.test(String.fromCharCode(each[0]!)) ? [i] : []));
    switch (below(rng, 8)) {
      case 0:
      case 1: // a number: shapes, strides, offsets, sizes, memo places
        if (numbers.length > 0) {
          const where = pick(rng, numbers);
          parts[where] = mutateNumber(rng, parts[where]!);
        }
        break;
      case 2:
        parts.splice(at, 1 + below(rng, 4));
        break;
      case 3:
        parts.splice(at, 0, ...parts.slice(at, at + 1 + below(rng, 8)));
        break;
      case 4:
        parts[at] = pick(rng, opcodes);
        break;
      case 5:
        parts.splice(at, 0, pick(rng, [...opcodes, ...globals]));
        break;
      case 6:
        if (part[0] === 0x63) parts[at] = pick(rng, globals);
        else parts[at] = parts[below(rng, parts.length)]!;
        break;
      default:
        parts[at] = part.length > 1 ? mutateBytes(rng, part, 1) : part;
    }
  }
  return join(...parts);
}

function mutateNumber(rng: Rng, part: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(part);
  const letter = String.fromCharCode(part[0]!);
  if (letter === 'h' || letter === 'q') copy[1] = below(rng, 256);
  else if (rng.uniform() < 0.5)
    return join(Buffer.from('J'), new Uint8Array(Int32Array.of(pick(rng, edges) | 0).buffer));
  else copy[1]! += pick(rng, [1, 255, 2, 128]);
  return copy;
}

/** Changes one field of one tensor in a safetensors header, or some bytes of its JSON; the header's length stays right. */
export function mutateSafetensors(rng: Rng, file: Uint8Array): Uint8Array {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const json = file.subarray(8, 8 + length);
  const data = file.subarray(8 + length);
  return withHeader(rng.uniform() < 0.3 ? mutateBytes(rng, json) : mutateHeader(rng, json), data);
}

function mutateHeader(rng: Rng, json: Uint8Array): Uint8Array {
  const header: Record<string, Record<string, unknown>> = JSON.parse(Buffer.from(json).toString());
  const name = pick(rng, Object.keys(header));
  const entry = header[name]!;
  const number = () => pick(rng, [...edges, 0.5, 1e300, '4', null]);
  switch (below(rng, 7)) {
    case 0:
      entry.dtype = pick(rng, ['F64', 'F32', 'F16', 'BOOL', 'F8_E4M3', 'constructor', 3]);
      break;
    case 1:
      entry.shape = [number(), number()];
      break;
    case 2:
      entry.data_offsets = [number(), number()];
      break;
    case 3:
      delete header[name];
      break;
    case 4:
      header[`${name}.copy`] = entry;
      break;
    case 5:
      header.__metadata__ = { clew: pick(rng, ['{}', '[', '{"epoch":1e999}', '{"__proto__":{"a":1}}']) };
      break;
    default:
      header[name] = pick(rng, [[], {}, { shape: [] }] as never[]);
  }
  return Buffer.from(JSON.stringify(header));
}

function withHeader(json: Uint8Array, data: Uint8Array): Uint8Array {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return join(length, json, data);
}

/** Changes a field of a zip archive's directory: sizes, offsets, methods, names, counts. */
export function mutateDirectory(rng: Rng, zip: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(zip);
  const view = new DataView(copy.buffer);
  const records: number[] = [];
  for (let at = 0; at + 4 <= copy.length; at++)
    if ([0x02014b50, 0x06054b50, 0x04034b50].includes(view.getUint32(at, true))) records.push(at);
  const at = pick(rng, records) + 4 + 2 * below(rng, 21);
  if (at + 4 > copy.length) return copy;
  if (rng.uniform() < 0.5) view.setUint16(at, pick(rng, edges) & 0xffff, true);
  else view.setUint32(at, pick(rng, edges) >>> 0, true);
  return copy;
}
