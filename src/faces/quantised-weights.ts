/** Weight files of TensorFlow.js: a manifest in JSON, and shards of bytes that hold one tensor after the other. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Shape, sizeOf } from '../engine/tensor.js';
import { messageOf, UserError } from '../errors.js';

interface Entry {
  readonly name: string;
  readonly shape: Shape;
  /** value = scale * byte + min. */
  readonly quantization: { readonly dtype: string; readonly scale: number; readonly min: number };
}

/**
 * Reads 8-bit weights as numbers.
 * @param shapes the tensors that there must be, by name
 * @throws UserError for a file that is missing, cut off, or of another network
 */
export async function readQuantisedWeights(
  manifest: string,
  shapes: Readonly<Record<string, Shape>>,
): Promise<Map<string, Float32Array>> {
  const [group] = await parse(manifest);
  const shards = group!.paths.map((path) => join(dirname(manifest), path));
  const bytes = Buffer.concat(await Promise.all(shards.map((shard) => read(shard))));
  const weights = new Map<string, Float32Array>();
  let at = 0;
  for (const { name, shape, quantization } of group!.weights) {
    const size = sizeOf(shape);
    if (at + size > bytes.length) throw new UserError(`${shards.join(', ')}: cut off at tensor ${name}`);
    if (`${shapes[name]}` === `${shape}`)
      weights.set(name, dequantise(bytes.subarray(at, at + size), quantization));
    at += size;
  }
  const missing = Object.keys(shapes).find((name) => !weights.has(name));
  if (missing) throw new UserError(`${manifest}: holds no tensor ${missing} of shape [${shapes[missing]}]`);
  return weights;
}

const dequantise = (bytes: Uint8Array, { scale, min }: Entry['quantization']): Float32Array =>
  Float32Array.from(bytes, (byte) => scale * byte + min);

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new UserError(`weights of the face detector: ${messageOf(cause)}`, 1, { cause });
  }
}

async function parse(manifest: string): Promise<{ paths: string[]; weights: Entry[] }[]> {
  const text = (await read(manifest)).toString();
  try {
    const groups = JSON.parse(text) as { paths: string[]; weights: Entry[] }[];
    const isQuantised =
      groups.length === 1 && groups[0]!.weights.every((w) => w.quantization.dtype === 'uint8');
    if (isQuantised && Array.isArray(groups[0]!.paths)) return groups;
  } catch {
    // said below
  }
  throw new UserError(`${manifest}: not a manifest of 8-bit TensorFlow.js weights`);
}
