import { UsageError } from '../errors.js';
import { megabytes, readFloats, type StoredTensor, type WeightsFile } from '../io/tensors.js';
import type { NetConfig } from '../model/lib-net.js';
import { recogniseNet } from '../model/recognise.js';
import { onnxOf, writeOnnx } from '../onnx/detector.js';

/**
 * Writes a whole detector as an ONNX model, under the names of its state dict.
 * @param tensors the network's, under their bare names
 * @returns a line that says what was written
 * @throws UserError when the tensors are not those of a detector
 */
export async function convertToOnnx(
  file: WeightsFile,
  tensors: ReadonlyMap<string, StoredTensor>,
  to: string,
  { size: given, fold }: { readonly size: number | undefined; readonly fold: boolean },
): Promise<string> {
  const net = recogniseNet(new Map([...tensors].map(([name, { shape }]) => [name, shape])));
  const size = sideOf(file, given);
  const weight = (name: string): Promise<Float32Array> => readFloats({ ...file, tensors }, name);
  await writeOnnx(to, onnxOf({ net, size, fold, metadata: metadataOf(file) }, weight));
  return `wrote ${to} (ONNX, opset 17): ${describe(net)}, images of ${size} x ${size}${fold ? ', batch norms folded' : ''}, ${megabytes(tensors)} MB of weights`;
}

/** What a checkpoint of ours says, or --size. */
function sideOf({ path, side }: WeightsFile, given: number | undefined): number {
  const { size } = (side?.flags ?? {}) as { size?: number };
  if (given !== undefined && size !== undefined && given !== size)
    throw new UsageError(`--size ${given}: ${path} was trained at ${size}; leave the flag out`);
  return given ?? size ?? 224;
}

function metadataOf({ side }: WeightsFile): Record<string, string> {
  const { channel_order: order } = (side?.flags ?? {}) as { channel_order?: string };
  return { channel_order: order ?? 'bgr' };
}

const describe = ({ model, libs }: NetConfig): string => `${model} with ${libs} LIBs`;
