import type { Runtime } from '../../src/engine/runtime.js';
import { Graph, type NumberArray, type Shape, type Tensor } from '../../src/engine/tensor.js';

/** A tensor to compute with: u32 for Uint32Array, u8 for Uint8Array, else f32. */
export interface Given {
  readonly shape: Shape;
  readonly values: NumberArray | readonly number[];
}

/**
 * Builds and runs a small program.
 * @param choose the variant of every operation that has one of that name
 * @returns the values that the tensors in `read` have afterwards
 */
export async function evaluate(
  runtime: Runtime,
  given: Readonly<Record<string, Given>>,
  build: (tensors: Readonly<Record<string, Tensor>>) => readonly Tensor[],
  choose?: string,
): Promise<number[][]> {
  const own = runtime.sibling();
  const graph = new Graph();
  const tensors: Record<string, Tensor> = {};
  for (const [name, { shape, values }] of Object.entries(given)) {
    const dtype = values instanceof Uint32Array ? 'u32' : values instanceof Uint8Array ? 'u8' : 'f32';
    tensors[name] = graph.buffer(name, shape, dtype);
  }
  const read = build(tensors);
  const retain = read.filter((tensor) => tensor.root.storage.kind === 'planned');
  const [program] = await own.compile(
    [{ name: 'test', graph, retain }],
    choose ? { choose: () => choose } : {},
  );
  for (const [name, { values }] of Object.entries(given))
    own.write(name, Array.isArray(values) ? Float32Array.from(values) : (values as NumberArray));
  own.submit([{ run: program! }]);
  await own.idle();
  const results: number[][] = [];
  for (const tensor of read) {
    const { storage } = tensor.root;
    const values =
      storage.kind === 'buffer'
        ? await own.read(storage.buffer, storage.offset, tensor.size)
        : await program!.inspect(tensor);
    results.push(Array.from(values));
  }
  own.release();
  return results;
}
