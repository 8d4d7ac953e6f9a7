import { ShaderError } from '../errors.js';
import type { Capabilities, Pass } from './op.js';
import type { Plan, Scratch } from './plan.js';
import type { Program } from './runtime.js';
import { kernelKey, type Reflection, reflect, shaderText } from './shader.js';
import { TEXTURE_ROW_BYTES, TEXTURE_WIDTH, textureRows } from './staging.js';
import type { NumberArray, Range, Tensor } from './tensor.js';

/** What the platform lends: a device, and a way to learn that it failed. */
export interface Device {
  readonly device: GPUDevice;
  readonly capabilities: Capabilities;
  /** Where the driver makes a kernel's machine code only when it first runs: has it made ahead, several at a time. */
  readonly generate?: (label: string, code: string) => Promise<void>;
  /** Throws the first error that the device reported outside any call. */
  check(): void;
  close(): Promise<void>;
}

export interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly code: string;
  readonly reflection: Reflection;
}

/** Compiles each (shader, constants) once. */
export class KernelCache {
  private readonly kernels = new Map<string, Promise<Kernel>>();
  private readonly generated = new Map<string, Promise<void>>();

  constructor(private readonly platform: Pick<Device, 'device' | 'generate'>) {}

  static key(pass: Pass): string {
    return kernelKey(pass.shader, pass.constants);
  }

  get(pass: Pass): Promise<Kernel> {
    return once(this.kernels, KernelCache.key(pass), (key) =>
      compileKernel(this.platform.device, key, shaderText(pass.shader, pass.constants)),
    );
  }

  /** Resolves when the driver has the machine code of this kernel. */
  generate(pass: Pass): Promise<void> {
    return once(this.generated, KernelCache.key(pass), async (key) => {
      const { code } = await this.get(pass);
      await this.platform.generate?.(key, code);
    });
  }
}

function once<T>(made: Map<string, T>, key: string, make: (key: string) => T): T {
  const found = made.get(key) ?? make(key);
  made.set(key, found);
  return found;
}

/** @throws ShaderError with the compiler's messages */
export async function compileKernel(device: GPUDevice, label: string, code: string): Promise<Kernel> {
  const reflection = reflect(code);
  const module = device.createShaderModule({ code, label });
  const layout = device.createBindGroupLayout({
    label,
    entries: reflection.bindings.map(({ binding, kind }) => ({ binding, visibility: 4, ...LAYOUT[kind] })),
  });
  try {
    const pipeline = await device.createComputePipelineAsync({
      label,
      layout: device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    });
    return { pipeline, layout, code, reflection };
  } catch (cause) {
    const info = await module.getCompilationInfo();
    const where = info.messages.map(({ lineNum, message }) => `line ${lineNum}: ${message}`).join('; ');
    throw new ShaderError(`shader ${label}: ${where || String(cause)}`, { cause });
  }
}

const LAYOUT: Record<
  Reflection['bindings'][number]['kind'],
  Omit<GPUBindGroupLayoutEntry, 'binding' | 'visibility'>
> = {
  read: { buffer: { type: 'read-only-storage' } },
  read_write: { buffer: { type: 'storage' } },
  uniform: { buffer: { type: 'uniform' } },
  queue: { buffer: { type: 'storage' } },
  texture: { storageTexture: { access: 'read-only', format: 'rgba32float' } },
};

/** Lays the values of a pass out as its shader's `struct Params` declares them; any name missing or unknown is an error. */
export function packParams(pass: Pass, { params }: Reflection): Uint32Array {
  const words = new DataView(new ArrayBuffer(Math.max(16, Math.ceil(params.length / 4) * 16)));
  const unknown = Object.keys(pass.params).find((name) => !params.some((field) => field.name === name));
  if (unknown) throw new ShaderError(`${pass.shader}: struct Params has no field '${unknown}'`);
  params.forEach(({ name, type }, i) => {
    const value = pass.params[name];
    if (value === undefined || Number.isNaN(value))
      throw new ShaderError(`${pass.shader}: no value for params.${name}`);
    if (type === 'f32') words.setFloat32(4 * i, value, true);
    else words.setInt32(4 * i, value, true);
  });
  return new Uint32Array(words.buffer);
}

export type Place = Range<GPUBuffer>;

export type Command =
  | {
      readonly kind: 'dispatch';
      readonly pipeline: GPUComputePipeline;
      readonly group: GPUBindGroup;
      readonly grid: readonly [number, number, number];
      /** What it is part of, for a profile. */
      readonly op: string;
      readonly variant: string;
      readonly shader: string;
    }
  | {
      readonly kind: 'stage';
      readonly texture: GPUTexture;
      /** What copyBufferToTexture() is told, made once. */
      readonly copy: readonly [GPUTexelCopyBufferInfo, GPUTexelCopyTextureInfo, GPUExtent3DStrict];
    };

/** A plan with its pipelines and bind groups made: encoding it is one loop. */
export class GpuProgram implements Program {
  constructor(
    readonly name: string,
    readonly plan: Plan,
    readonly commands: readonly Command[],
    private readonly place: (value: Tensor | Scratch) => Place,
    private readonly readPlace: (place: Place, tensor: Tensor) => Promise<NumberArray>,
  ) {}

  /** With `clock`, each dispatch is a pass of its own that writes the time where clock() says. */
  encode(encoder: GPUCommandEncoder, clock?: () => GPUComputePassTimestampWrites): void {
    let pass: GPUComputePassEncoder | undefined;
    for (const command of this.commands) {
      if (command.kind === 'dispatch') {
        if (clock) pass?.end();
        pass = clock
          ? encoder.beginComputePass({ timestampWrites: clock() })
          : (pass ?? encoder.beginComputePass());
        pass.setPipeline(command.pipeline);
        pass.setBindGroup(0, command.group);
        const [x, y, z] = command.grid;
        if (y === 1 && z === 1)
          pass.dispatchWorkgroups(x); // each argument costs 0.2 us
        else pass.dispatchWorkgroups(x, y, z);
      } else {
        pass?.end();
        pass = undefined;
        const { copy } = command;
        encoder.copyBufferToTexture(copy[0], copy[1], copy[2]);
      }
    }
    pass?.end();
  }

  async inspect(tensor: Tensor): Promise<NumberArray> {
    return this.readPlace(this.place(tensor), tensor);
  }
}

/** Copies a tensor or temporary into a texture. */
export function stage(from: Place, texture: GPUTexture, value: Tensor | Scratch): Command {
  const source = { buffer: from.buffer, offset: from.offset, bytesPerRow: TEXTURE_ROW_BYTES };
  return { kind: 'stage', texture, copy: [source, { texture }, [TEXTURE_WIDTH, textureRows(value)]] };
}
