/**
 * Checkpoint files: tensors under the reference's state-dict names in one safetensors file. What else a run needs to go on (epoch, step,
 * rates, random state, best AUC ...), the side data, lies in the same file's metadata: tensors and side data can then never
 * belong to different moments, wherever a run is killed. A .json of the same name repeats the side data for people; nothing reads it.
 */
import { UserError } from '../errors.js';
import { writeFileAtomic } from '../io/files.js';
import { finite, sideMetadata, writeSafetensors } from '../io/safetensors.js';
import {
  readFloats,
  readIntegers,
  type SideData,
  type StoredTensor,
  type TensorSource,
  type WeightsFile,
} from '../io/tensors.js';
import { openWeights } from '../io/weights-file.js';

const EXTENSION = '.safetensors';

/** The copy for people that lies beside a checkpoint. */
export function sideCopy(path: string): string {
  return `${path.endsWith(EXTENSION) ? path.slice(0, -EXTENSION.length) : path}.json`;
}

/**
 * Writes a checkpoint whole or not at all, then the copy of its side data.
 * @param tensors asked for their data one after the other, in this order (wide types first)
 * @throws UserError when the disk refuses; the checkpoint is then still the old one
 */
export async function writeCheckpoint(
  path: string,
  tensors: readonly TensorSource[],
  side: SideData,
): Promise<void> {
  const format = { format: 'pt' }; // Readers in Python take it for "row-major, as PyTorch lays it out".
  await writeSafetensors(path, tensors, { ...format, ...sideMetadata(side) });
  await writeFileAtomic(sideCopy(path), new TextEncoder().encode(`${JSON.stringify(side, finite, 2)}\n`));
}

/** An open checkpoint, ours or another program's weights file of any format; tensors are read when asked for. */
export class Checkpoint implements WeightsFile {
  private constructor(
    private readonly file: WeightsFile,
    /** By name in the state dict, without a `module.` prefix. */
    readonly tensors: ReadonlyMap<string, StoredTensor>,
  ) {}

  /** @throws UserError when there is no such file, or it is not whole */
  static async open(path: string): Promise<Checkpoint> {
    const file = await openWeights(path);
    try {
      return new Checkpoint(file, stateDictNames(file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get path(): string {
    return this.file.path;
  }

  /** Undefined in a file that holds weights only, as other programs write it. */
  get side(): SideData | undefined {
    return this.file.side;
  }

  /** A tensor as float32, row-major in the shape that the file gives. */
  floats(name: string): Promise<Float32Array<ArrayBuffer>> {
    return readFloats(this, name);
  }

  /** A tensor of integers, such as num_batches_tracked. */
  integers(name: string): Promise<number[]> {
    return readIntegers(this, name);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

/** Checkpoints made on several GPUs call every tensor `module.NAME`. */
export function stateDictNames({ tensors, path }: WeightsFile): Map<string, StoredTensor> {
  const renamed = new Map<string, StoredTensor>();
  for (const [stored, tensor] of tensors) {
    const name = stored.replace(/^module\./, '');
    if (renamed.has(name))
      throw new UserError(`${path}: holds both ${name} and module.${name}; keep one of them`);
    renamed.set(name, tensor);
  }
  return renamed;
}
