import type { Capabilities } from './op.js';
import type { Chooser, Plan } from './plan.js';
import type { BufferNeed, Graph, NumberArray, Tensor } from './tensor.js';

/** A graph made ready to run. */
export interface Program {
  readonly name: string;
  readonly plan: Plan;
  /** Values that a retained tensor has after the last run. */
  inspect(tensor: Tensor): Promise<NumberArray>;
}

/** One entry of what is submitted at once. Offsets and counts are in elements. */
export type Step =
  | { readonly run: Program }
  | {
      readonly copy: {
        readonly from: string;
        readonly fromOffset: number;
        readonly to: string;
        readonly toOffset: number;
        readonly count: number;
      };
    }
  | { readonly clear: string };

export interface ProgramSource {
  readonly name: string;
  readonly graph: Graph;
  /** Tensors to keep for inspect(). */
  readonly retain?: readonly Tensor[];
}

/** Named buffers of programs compiled together, each at its largest. */
export function bufferNeeds(sources: readonly ProgramSource[]): Map<string, BufferNeed> {
  const needs = new Map<string, BufferNeed>();
  for (const { graph } of sources)
    for (const [name, { dtype, elements }] of graph.buffers)
      needs.set(name, { dtype, elements: Math.max(elements, needs.get(name)?.elements ?? 0) });
  return needs;
}

export interface CompileOptions {
  readonly choose?: Chooser;
  readonly progress?: (done: number, total: number) => void;
}

/**
 * Runs programs: on a GPU (GpuRuntime), or in float64 on the CPU through the operations' references (ReferenceRuntime). Named
 * buffers outlive programs and are shared by all of them; intermediate tensors share one pool of slots.
 */
export interface Runtime {
  readonly capabilities: Capabilities;
  /** Compiles programs together, so that they share pipelines, slots and buffers. Nothing is created after this. */
  compile(sources: readonly ProgramSource[], options?: CompileOptions): Promise<Program[]>;
  /** Makes a named buffer of at least this many elements before the programs that use it are compiled (flat parameter buffers). */
  allocate(buffer: string, dtype: 'f32' | 'u32' | 'u8', elements: number): void;
  write(buffer: string, data: NumberArray, offset?: number): void;
  /** Waits for what was submitted. Large ranges come in pieces: submit nothing that writes them meanwhile. */
  read(buffer: string, offset: number, count: number): Promise<NumberArray>;
  /** Encodes and submits; does not wait. */
  submit(steps: readonly Step[]): void;
  /** Resolves when all submitted work is done; throws what went wrong meanwhile. */
  idle(): Promise<void>;
  /** Bytes of device memory held. */
  readonly allocated: number;
  /**
   * A runtime on the same device with the same compiled kernels and buffers of its own. With `as`, one that takes the adapter for
   * another: kernels meant for GPUs can so be checked on a software adapter.
   */
  sibling(as?: Partial<Capabilities>): Runtime;
  /** Frees the buffers. */
  release(): void;
  /** Frees the buffers and lets go of the device, so that the process can end. */
  close(): Promise<void>;
}
