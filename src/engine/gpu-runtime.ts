import {
  type Command,
  GpuProgram,
  type Kernel,
  KernelCache,
  type Place,
  packParams,
  TEXTURE_ROW_BYTES,
  TEXTURE_WIDTH,
  textureRows,
} from './gpu-program.js';
import type { Capabilities, Pass } from './op.js';
import { type Plan, plan, Scratch, slotPool, slotRanks } from './plan.js';
import {
  bufferNeeds,
  type CompileOptions,
  type Program,
  type ProgramSource,
  type Runtime,
  type Step,
} from './runtime.js';
import { alignTo, BYTES, bytesOf, type DType, type NumberArray, type Tensor } from './tensor.js';

/** What the platform lends: a device, and a way to learn that it failed. */
export interface Device {
  readonly device: GPUDevice;
  readonly capabilities: Capabilities;
  /** Throws the first error that the device reported outside any call. */
  check(): void;
  close(): Promise<void>;
}

interface NamedBuffer {
  readonly dtype: DType;
  buffer: GPUBuffer;
  bytes: number;
}

const USAGE = 0x80 | 0x8 | 0x4; // STORAGE | COPY_DST | COPY_SRC

/** Runs programs on a GPUDevice. Everything is created in compile(); submit() only encodes. */
export class GpuRuntime implements Runtime {
  readonly capabilities: Capabilities;
  private readonly device: GPUDevice;
  private readonly buffers = new Map<string, NamedBuffer>();
  private readonly slots: GPUBuffer[] = [];
  private readonly textures: GPUTexture[] = [];
  private readonly owned: GPUBuffer[] = [];
  /** Slots that an earlier program still uses, replaced by larger ones. */
  private readonly retired: GPUBuffer[] = [];

  constructor(
    private readonly platform: Device,
    private readonly kernels = new KernelCache(platform.device),
  ) {
    this.device = platform.device;
    this.capabilities = platform.capabilities;
  }

  get allocated(): number {
    const buffers = [
      ...[...this.buffers.values()].map(({ buffer }) => buffer),
      ...this.slots,
      ...this.owned,
      ...this.retired,
    ];
    const textures = this.textures.reduce((sum, texture) => sum + texture.height * TEXTURE_ROW_BYTES, 0);
    return buffers.reduce((sum, buffer) => sum + buffer.size, textures);
  }

  allocate(name: string, dtype: DType, elements: number): void {
    const bytes = alignTo(elements * BYTES[dtype], 4);
    const old = this.buffers.get(name);
    if (old && old.bytes >= bytes) return;
    if (old)
      throw new Error(
        `buffer '${name}' is in use with ${old.bytes} bytes and cannot grow to ${bytes}; allocate it first`,
      );
    this.buffers.set(name, { dtype, bytes, buffer: this.createBuffer(name, bytes) });
  }

  async compile(sources: readonly ProgramSource[], options: CompileOptions = {}): Promise<Program[]> {
    this.device.pushErrorScope('validation');
    this.device.pushErrorScope('out-of-memory');
    for (const [name, { dtype, elements }] of bufferNeeds(sources)) this.allocate(name, dtype, elements);
    const plans = sources.map(({ graph, retain = [] }) =>
      plan(graph, this.capabilities, { retain, ...(options.choose ? { choose: options.choose } : {}) }),
    );
    const kernels = await this.compileKernels(plans, options.progress);
    const order = this.reserveSlots(plans);
    const textures = this.reserveTextures(plans, kernels);
    const programs = sources.map(({ name }, i) => this.build(name, plans[i]!, order[i]!, kernels, textures));
    for (const _ of ['out-of-memory', 'validation']) {
      const error = await this.device.popErrorScope();
      if (error) throw new Error(`compiling ${sources.map(({ name }) => name)}: ${error.message}`);
    }
    return programs;
  }

  write(name: string, data: NumberArray, offset = 0): void {
    const { buffer, dtype } = this.named(name);
    const typed = data instanceof Float64Array ? Float32Array.from(data) : data;
    const bytes = alignTo(typed.byteLength, 4);
    const whole = bytes === typed.byteLength ? typed : pad(typed, bytes);
    this.device.queue.writeBuffer(buffer, offset * BYTES[dtype], whole as Float32Array<ArrayBuffer>);
  }

  async read(name: string, offset: number, count: number): Promise<NumberArray> {
    const { buffer, dtype } = this.named(name);
    return this.readRange(buffer, offset * BYTES[dtype], count, dtype);
  }

  submit(steps: readonly Step[]): void {
    const encoder = this.device.createCommandEncoder();
    for (const step of steps) {
      if ('run' in step) (step.run as GpuProgram).encode(encoder);
      else if ('clear' in step) encoder.clearBuffer(this.named(step.clear).buffer);
      else {
        const { from, fromOffset, to, toOffset, count } = step.copy;
        const [source, target] = [this.named(from), this.named(to)];
        const size = BYTES[source.dtype];
        encoder.copyBufferToBuffer(
          source.buffer,
          fromOffset * size,
          target.buffer,
          toOffset * size,
          count * size,
        );
      }
    }
    this.device.queue.submit([encoder.finish()]);
  }

  async idle(): Promise<void> {
    await this.device.queue.onSubmittedWorkDone();
    this.platform.check();
  }

  sibling(): GpuRuntime {
    return new GpuRuntime(this.platform, this.kernels);
  }

  release(): void {
    const named = [...this.buffers.values()].map(({ buffer }) => buffer);
    for (const resource of [...named, ...this.slots, ...this.owned, ...this.retired, ...this.textures])
      resource.destroy();
    this.buffers.clear();
    for (const list of [this.slots, this.owned, this.retired, this.textures]) list.length = 0;
  }

  async close(): Promise<void> {
    this.release();
    await this.platform.close();
  }

  private named(name: string): NamedBuffer {
    const found = this.buffers.get(name);
    if (!found) throw new Error(`no buffer '${name}'; allocate it or compile a program that uses it first`);
    return found;
  }

  private createBuffer(label: string, bytes: number): GPUBuffer {
    const { maxBufferSize } = this.device.limits;
    // Whole texture rows, so that any tensor can be staged through a texture.
    const size = alignTo(bytes, TEXTURE_ROW_BYTES) + TEXTURE_ROW_BYTES;
    if (size > maxBufferSize)
      throw new Error(
        `buffer '${label}' wants ${size} bytes; this adapter has at most ${maxBufferSize} in one buffer`,
      );
    return this.device.createBuffer({ label, size, usage: USAGE });
  }

  private async compileKernels(
    plans: readonly Plan[],
    progress?: CompileOptions['progress'],
  ): Promise<Map<string, Kernel>> {
    const passes = new Map<string, Pass>();
    for (const { calls } of plans)
      for (const { passes: list } of calls) for (const pass of list) passes.set(KernelCache.key(pass), pass);
    const kernels = new Map<string, Kernel>();
    await Promise.all(
      [...passes].map(async ([key, pass]) => {
        kernels.set(key, await this.kernels.get(pass));
        progress?.(kernels.size, passes.size);
      }),
    );
    return kernels;
  }

  /** Makes the pool of slots that these plans share and tells each plan which of the pool's buffers its slots are. */
  private reserveSlots(plans: readonly Plan[]): GPUBuffer[][] {
    slotPool(plans).forEach((bytes, rank) => {
      const old = this.slots[rank];
      if (old && old.size >= bytes + TEXTURE_ROW_BYTES) return;
      if (old) this.retired.push(old);
      this.slots[rank] = this.createBuffer(`slot ${rank}`, bytes);
    });
    return plans.map((made) => slotRanks(made).map((rank) => this.slots[rank]!));
  }

  private build(
    name: string,
    made: Plan,
    slots: readonly GPUBuffer[],
    kernels: ReadonlyMap<string, Kernel>,
    textures: readonly GPUTexture[],
  ): GpuProgram {
    const place = (value: Tensor | Scratch): Place => this.place(value, made, slots);
    const passes = made.calls.flatMap((call) =>
      call.passes.map((pass) => ({ call, pass, kernel: kernels.get(KernelCache.key(pass))! })),
    );
    const params = this.paramArena(name, passes);
    const commands: Command[] = [];
    passes.forEach(({ call, pass, kernel }, i) => {
      const stages: Command[] = [];
      let staged = 0;
      const entries = kernel.reflection.bindings.map(
        ({ name: variable, binding, kind }): GPUBindGroupEntry => {
          if (kind === 'uniform') return { binding, resource: params[i]! };
          const value = call.names.get(pass.bind?.[variable] ?? variable);
          if (!value) throw new Error(`${pass.shader}: no tensor for variable '${variable}'`);
          const { buffer, offset, bytes } = place(value);
          if (kind !== 'texture') return { binding, resource: { buffer, offset, size: bytes } };
          const rows = textureRows(value);
          const texture = textures[staged++]!;
          stages.push({ kind: 'stage', from: { buffer, offset, bytes }, texture, rows });
          return { binding, resource: texture.createView() };
        },
      );
      const group = this.device.createBindGroup({ label: pass.shader, layout: kernel.layout, entries });
      commands.push(...stages, { kind: 'dispatch', pipeline: kernel.pipeline, group, grid: pass.grid });
    });
    return new GpuProgram(name, made, commands, place, ({ buffer, offset }, tensor) =>
      this.readRange(buffer, offset, tensor.size, tensor.dtype),
    );
  }

  private place(value: Tensor | Scratch, made: Plan, slots: readonly GPUBuffer[]): Place {
    if (!(value instanceof Scratch) && value.root.storage.kind === 'buffer') {
      const { buffer, offset } = value.root.storage;
      return {
        buffer: this.named(buffer).buffer,
        offset: offset * BYTES[value.dtype],
        bytes: bytesOf(value),
      };
    }
    const slot = made.slotOf.get(value instanceof Scratch ? value : value.root);
    if (slot === undefined)
      throw new Error('this tensor has no place: it is not part of the program, or not retained');
    const bytes = value instanceof Scratch ? value.bytes : bytesOf(value);
    return { buffer: slots[slot]!, offset: 0, bytes };
  }

  /** One uniform buffer with a slot for the parameters of each pass. */
  private paramArena(name: string, passes: readonly { pass: Pass; kernel: Kernel }[]): GPUBufferBinding[] {
    const stride = Math.max(256, this.device.limits.minUniformBufferOffsetAlignment);
    const words = passes.map(({ pass, kernel }) => packParams(pass, kernel.reflection));
    let total = 0;
    const offsets = words.map((data) => {
      const offset = total;
      total += alignTo(data.byteLength, stride);
      return offset;
    });
    const usage = 0x40 | 0x8; // UNIFORM | COPY_DST
    const buffer = this.device.createBuffer({
      label: `${name} parameters`,
      size: Math.max(total, stride),
      usage,
    });
    this.owned.push(buffer);
    return words.map((data, i) => {
      this.device.queue.writeBuffer(buffer, offsets[i]!, data as Uint32Array<ArrayBuffer>);
      return { buffer, offset: offsets[i]!, size: data.byteLength };
    });
  }

  /**
   * Staging textures are shared by all passes of all programs: commands run in order, so one for each position in a pass is enough,
   * as tall as the largest tensor that is ever staged there.
   */
  private reserveTextures(plans: readonly Plan[], kernels: ReadonlyMap<string, Kernel>): GPUTexture[] {
    const rows: number[] = [];
    for (const { names, passes } of plans.flatMap(({ calls }) => calls))
      for (const pass of passes) {
        const staged = kernels
          .get(KernelCache.key(pass))!
          .reflection.bindings.filter(({ kind }) => kind === 'texture');
        staged.forEach(({ name }, i) => {
          const value = names.get(pass.bind?.[name] ?? name);
          if (value) rows[i] = Math.max(rows[i] ?? 1, textureRows(value));
        });
      }
    const made = rows.map((height, i) => {
      const old = this.textures[i];
      if (old && old.height >= height) return old;
      const size = [TEXTURE_WIDTH, height];
      return this.device.createTexture({
        label: `staging ${i}`,
        size,
        format: 'rgba32float',
        usage: 0x8 | 0x2,
      }); // STORAGE_BINDING | COPY_DST
    });
    made.forEach((texture, i) => {
      this.textures[i] = texture;
    });
    return made;
  }

  private async readRange(
    buffer: GPUBuffer,
    offset: number,
    count: number,
    dtype: DType,
  ): Promise<NumberArray> {
    const bytes = alignTo(count * BYTES[dtype], 4);
    const staging = this.device.createBuffer({
      label: 'readback',
      size: Math.max(4, bytes),
      usage: 0x1 | 0x8,
    }); // MAP_READ | COPY_DST
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, offset, staging, 0, bytes);
    this.device.queue.submit([encoder.finish()]);
    await staging.mapAsync(1);
    const copy = staging.getMappedRange().slice(0);
    staging.destroy();
    this.platform.check();
    if (dtype === 'u8') return new Uint8Array(copy, 0, count);
    return dtype === 'u32' ? new Uint32Array(copy, 0, count) : new Float32Array(copy, 0, count);
  }
}

function pad(data: Exclude<NumberArray, Float64Array>, bytes: number): Uint8Array {
  const padded = new Uint8Array(bytes);
  padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return padded;
}
