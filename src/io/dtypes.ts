/** Element types of stored tensors, under the names that safetensors gives them, and their values as numbers. */

/** Bytes of one element. */
export const elementBytes = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type Dtype = keyof typeof elementBytes;

export const isDtype = (value: unknown): value is Dtype =>
  typeof value === 'string' && Object.hasOwn(elementBytes, value);

/** Views little-endian bytes as their values; 16-bit floats become float32. */
export function elements(dtype: Dtype, data: ArrayBuffer) {
  switch (dtype) {
    case 'F64':
      return new Float64Array(data);
    case 'F32':
      return new Float32Array(data);
    case 'F16':
      return Float32Array.from(new Uint16Array(data), halfToFloat);
    case 'BF16':
      // The upper half of a float32.
      return new Float32Array(Uint32Array.from(new Uint16Array(data), (bits) => bits << 16).buffer);
    case 'I64':
      return new BigInt64Array(data);
    case 'U64':
      return new BigUint64Array(data);
    case 'I32':
      return new Int32Array(data);
    case 'U32':
      return new Uint32Array(data);
    case 'I16':
      return new Int16Array(data);
    case 'U16':
      return new Uint16Array(data);
    case 'I8':
      return new Int8Array(data);
    case 'U8':
    case 'BOOL':
      return new Uint8Array(data);
  }
}

/** All values, rounded to float32. */
export function toFloats(dtype: Dtype, data: ArrayBuffer): Float32Array<ArrayBuffer> {
  const values = elements(dtype, data);
  if (values instanceof Float32Array) return values;
  return Float32Array.from<number | bigint>(values, Number);
}

/** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}
