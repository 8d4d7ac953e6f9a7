/**
 * Checkpoint files: tensors under the reference's state-dict names in one safetensors file. What else a run needs to go on (epoch, step,
 * rates, random state, best AUC ...), the side data, lies in the same file's metadata: tensors and side data can then never
 * belong to different moments, wherever a run is killed. A .json of the same name repeats the side data for people; nothing reads it.
 */
import { messageOf, UserError } from '../errors.js';
import { writeFileAtomic } from '../io/files.js';
import { SafetensorsFile, type TensorInfo, type TensorSource, writeSafetensors } from '../io/safetensors.js';

/** Anything JSON can hold. */
export type SideData = Readonly<Record<string, unknown>>;

const EXTENSION = '.safetensors';
const SIDE_KEY = 'clew';

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
  await writeSafetensors(path, tensors, { ...format, [SIDE_KEY]: JSON.stringify(side, finite) });
  await writeFileAtomic(sideCopy(path), new TextEncoder().encode(`${JSON.stringify(side, finite, 2)}\n`));
}

/** JSON would quietly turn such a number into null. */
function finite(key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new Error(`writeCheckpoint: ${key} is ${value}, which JSON cannot hold`);
  return value;
}

/** An open checkpoint; tensors are read when asked for. */
export class Checkpoint {
  private constructor(
    private readonly file: SafetensorsFile,
    /** Undefined in a file that holds weights only, as other programs write it. */
    readonly side: SideData | undefined,
    /** Name in the state dict, without a `module.` prefix -> name in the file. */
    private readonly names: ReadonlyMap<string, string>,
  ) {}

  /** @throws UserError when there is no such file, or it is not whole */
  static async open(path: string): Promise<Checkpoint> {
    const file = await SafetensorsFile.open(path);
    try {
      return new Checkpoint(file, sideData(file), stateDictNames(file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get path(): string {
    return this.file.path;
  }

  /** Types and shapes by state-dict name. */
  get tensors(): ReadonlyMap<string, TensorInfo> {
    return new Map([...this.names].map(([name, stored]) => [name, this.file.tensors.get(stored)!]));
  }

  /** A tensor as float32, row-major in the shape that the file gives. */
  floats(name: string): Promise<Float32Array<ArrayBuffer>> {
    return this.file.floats(this.names.get(name) ?? name);
  }

  /** A tensor of integers, such as num_batches_tracked. */
  integers(name: string): Promise<number[]> {
    return this.file.integers(this.names.get(name) ?? name);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

function sideData({ metadata, path }: SafetensorsFile): SideData | undefined {
  const text = metadata.get(SIDE_KEY);
  if (text === undefined) return undefined;
  try {
    const side: unknown = JSON.parse(text);
    if (typeof side === 'object' && side !== null && !Array.isArray(side)) return side as SideData;
    throw new Error('not an object');
  } catch (error) {
    throw new UserError(
      `${path}: its side data cannot be read (${messageOf(error)}); use another checkpoint`,
    );
  }
}

/** Checkpoints made on several GPUs call every tensor `module.NAME`. */
function stateDictNames({ tensors, path }: SafetensorsFile): Map<string, string> {
  const names = new Map<string, string>();
  for (const stored of tensors.keys()) {
    const name = stored.replace(/^module\./, '');
    if (names.has(name))
      throw new UserError(`${path}: holds both ${name} and module.${name}; keep one of them`);
    names.set(name, stored);
  }
  return names;
}
