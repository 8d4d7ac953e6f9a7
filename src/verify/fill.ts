import type { CaseInput } from '../engine/op.js';
import { type DType, type NumberArray, sizeOf } from '../engine/tensor.js';
import { fnv1a } from '../rng.js';

/** Test values: a hash of name and index, as the golden files use (METHOD 8), rounded to what the device will hold. */
export function fillInput(input: CaseInput, name: string): Float64Array {
  const {
    dtype = 'f32',
    low = dtype === 'f32' ? -1 : 0,
    high = dtype === 'f32' ? 1 : dtype === 'u8' ? 256 : 2,
  } = input;
  const size = sizeOf(input.shape);
  if (input.values)
    return Float64Array.from({ length: size }, (_, i) => input.values![i % input.values!.length]!);
  const values = Float64Array.from(
    { length: size },
    (_, i) => low + ((high - low) * (hashUniform(name, i) + 1)) / 2,
  );
  if (dtype !== 'f32') return values.map((value) => Math.min(Math.floor(value), high - 1));
  if (input.spread) {
    const order = [...values.keys()].sort((a, b) => values[a]! - values[b]!);
    order.forEach((at, rank) => {
      values[at] = low + ((high - low) * (rank + 0.5)) / size;
    });
  }
  const gap = input.awayFromZero ?? 0;
  return values.map((value) =>
    Math.fround(Math.abs(value) < gap ? value + Math.sign(value || 1) * gap : value),
  );
}

/** Element k of the golden files' tensor `name`, uniform in [-1, 1). */
export function hashUniform(name: string, k: number): number {
  let x = (hashOf(name) + Math.imul(k, 0x9e3779b9)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (2 * ((x ^ (x >>> 15)) >>> 0)) / 2 ** 32 - 1;
}

const hashes = new Map<string, number>();
/** fnv1a(name), which is asked for with every element. */
function hashOf(name: string): number {
  const known = hashes.get(name);
  if (known !== undefined) return known;
  const hash = fnv1a(name);
  hashes.set(name, hash);
  return hash;
}

/** Values as a buffer of their type holds them. */
export function typedValues(values: Float64Array, dtype: DType): NumberArray {
  if (dtype === 'f32') return Float32Array.from(values);
  return dtype === 'u32' ? Uint32Array.from(values) : Uint8Array.from(values);
}
