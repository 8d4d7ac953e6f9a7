import { ShaderError, UserError } from '../errors.js';
import { GpuMemory, type StagingTexture } from './gpu-memory.js';
import {
  type Command,
  type Device,
  GpuProgram,
  type Kernel,
  KernelCache,
  type Place,
  packParams,
} from './gpu-program.js';
import type { Capabilities, Pass } from './op.js';
import { type Plan, type PlannedCall, plan, type Scratch } from './plan.js';
import {
  bufferNeeds,
  type CompileOptions,
  type Program,
  type ProgramSource,
  type Runtime,
  type Step,
} from './runtime.js';
import { type Source, Stager } from './stager.js';
import { BYTES, type DType, type NumberArray, type Tensor } from './tensor.js';

/** Runs programs on a GPUDevice. Everything is created in compile(); submit() only encodes. */
export class GpuRuntime implements Runtime {
  readonly capabilities: Capabilities;
  private readonly device: GPUDevice;
  private readonly memory: GpuMemory;

  constructor(
    private readonly platform: Device,
    private readonly kernels = new KernelCache(platform),
  ) {
    this.device = platform.device;
    this.capabilities = platform.capabilities;
    this.memory = new GpuMemory(platform.device);
  }

  get allocated(): number {
    return this.memory.bytes;
  }

  allocate(name: string, dtype: DType, elements: number): void {
    this.memory.allocate(name, dtype, elements);
  }

  async compile(sources: readonly ProgramSource[], options: CompileOptions = {}): Promise<Program[]> {
    this.device.pushErrorScope('validation');
    this.device.pushErrorScope('out-of-memory');
    const made = await this.make(sources, options).then(
      (programs) => ({ programs }),
      (error: unknown) => ({ error }),
    );
    const memory = await this.device.popErrorScope();
    const validation = await this.device.popErrorScope();
    this.platform.check();
    const names = sources.map(({ name }) => name).join(', ');
    if (memory)
      throw new UserError(
        `${names}: not enough device memory, ${Math.ceil(this.allocated / 2 ** 20)} MiB were asked for; lower --bs, or give --micro_bs (clew plan tells what a step needs)`,
      );
    if ('error' in made) throw made.error;
    if (validation) throw new ShaderError(`${names}: ${validation.message}`);
    return made.programs;
  }

  private async make(sources: readonly ProgramSource[], options: CompileOptions): Promise<Program[]> {
    this.memory.keepNew();
    for (const [name, { dtype, elements }] of bufferNeeds(sources)) this.allocate(name, dtype, elements);
    const plans = sources.map(({ graph, retain = [] }) =>
      plan(graph, this.capabilities, { retain, ...(options.choose ? { choose: options.choose } : {}) }),
    );
    const slots = this.memory.reserveSlots(plans);
    const { kernels, generate } = await this.compileKernels(plans, options.progress);
    const textures = this.memory.reserveTextures(plans, kernels);
    this.memory.clearNew(); // not before: lavapipe makes no pipeline and no view while its queue is at work
    const programs = sources.map(({ name }, i) => this.build(name, plans[i]!, slots[i]!, kernels, textures));
    await generate();
    return programs;
  }

  write(name: string, data: NumberArray, offset = 0): void {
    this.memory.write(name, data, offset);
  }

  async read(name: string, offset: number, count: number): Promise<NumberArray> {
    const { buffer, dtype } = this.memory.buffer(name);
    return this.readPlace({ buffer, offset: offset * BYTES[dtype], bytes: 0 }, count, dtype);
  }

  submit(steps: readonly Step[]): void {
    const encoder = this.device.createCommandEncoder();
    for (const step of steps) {
      if ('run' in step) (step.run as GpuProgram).encode(encoder);
      else if ('clear' in step) encoder.clearBuffer(this.memory.buffer(step.clear).buffer);
      else {
        const { from, fromOffset, to, toOffset, count } = step.copy;
        const [source, target] = [this.memory.buffer(from), this.memory.buffer(to)];
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

  sibling(as: Partial<Capabilities> = {}): GpuRuntime {
    const capabilities = { ...this.capabilities, ...as };
    return new GpuRuntime({ ...this.platform, capabilities }, this.kernels);
  }

  release(): void {
    this.memory.release();
  }

  async close(): Promise<void> {
    this.release();
    await this.platform.close();
  }

  /** The kernels that these plans need, and a function that waits until the driver has their machine code. */
  private async compileKernels(
    plans: readonly Plan[],
    progress?: CompileOptions['progress'],
  ): Promise<{ kernels: Map<string, Kernel>; generate: () => Promise<unknown> }> {
    const passes = new Map<string, Pass>();
    for (const { calls } of plans)
      for (const { passes: list } of calls) for (const pass of list) passes.set(KernelCache.key(pass), pass);
    const kernels = new Map<string, Kernel>();
    let done = 0;
    const all = (job: (key: string, pass: Pass) => Promise<unknown>) =>
      Promise.all(
        [...passes].map(async ([key, pass]) => {
          await job(key, pass);
          progress?.(++done, 2 * passes.size);
        }),
      );
    await all(async (key, pass) => kernels.set(key, await this.kernels.get(pass)));
    return { kernels, generate: () => all((_, pass) => this.kernels.generate(pass)) };
  }

  /** Makes the bind groups of a plan. */
  private build(
    name: string,
    made: Plan,
    slots: readonly GPUBuffer[],
    kernels: ReadonlyMap<string, Kernel>,
    textures: readonly StagingTexture[],
  ): GpuProgram {
    const place = (value: Tensor | Scratch): Place => this.memory.place(value, made, slots);
    const passes = made.calls.flatMap((call) =>
      call.passes.map((pass) => ({ call, pass, kernel: kernels.get(KernelCache.key(pass))! })),
    );
    const uniforms = this.memory.uniformArena(
      `${name} parameters`,
      passes.map(({ pass, kernel }) => packParams(pass, kernel.reflection)),
    );
    const stager = new Stager(textures);
    const commands = passes.flatMap((entry, i) => this.commandsOf(entry, uniforms[i]!, place, stager));
    return new GpuProgram(name, made, commands, place, (at, { size, dtype }) =>
      this.readPlace(at, size, dtype),
    );
  }

  /** A pass, behind the copies that stage its inputs in textures. */
  private commandsOf(
    { call, pass, kernel }: { call: PlannedCall; pass: Pass; kernel: Kernel },
    uniform: GPUBufferBinding,
    place: (value: Tensor | Scratch) => Place,
    stager: Stager,
  ): Command[] {
    const { bindings } = kernel.reflection;
    const sourceOf = (variable: string): Source => {
      const value = call.names.get(pass.bind?.[variable] ?? variable);
      if (!value) throw new ShaderError(`${pass.shader}: no tensor for variable '${variable}'`);
      return { at: place(value), value };
    };
    const staged = bindings.filter(({ kind }) => kind === 'texture').map(({ name }) => sourceOf(name));
    const { views, copies } = stager.stage(staged);
    const entries = bindings.map(({ name, binding, kind }): GPUBindGroupEntry => {
      if (kind === 'uniform') return { binding, resource: uniform };
      if (kind === 'texture') return { binding, resource: views.shift()! };
      if (kind === 'queue') return { binding, resource: { buffer: this.memory.queue } };
      const { buffer, offset, bytes } = sourceOf(name).at;
      return { binding, resource: { buffer, offset, size: bytes } };
    });
    const written = bindings.filter(({ kind }) => kind === 'read_write').map(({ name }) => sourceOf(name).at);
    stager.forget(written);
    const group = this.device.createBindGroup({ label: pass.shader, layout: kernel.layout, entries });
    const { pipeline } = kernel;
    const { grid, shader } = pass;
    const { variant } = call;
    return [...copies, { kind: 'dispatch', pipeline, group, grid, op: call.node.op.name, variant, shader }];
  }

  private async readPlace(at: Place, count: number, dtype: DType): Promise<NumberArray> {
    try {
      return await this.memory.read(at, count, dtype);
    } finally {
      this.platform.check(); // says more than a read that was refused: that the device was lost, for instance
    }
  }
}
