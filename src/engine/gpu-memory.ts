import { type Kernel, KernelCache, type Place } from './gpu-program.js';
import type { Pass } from './op.js';
import { type Plan, Scratch, slotPool, slotRanks } from './plan.js';
import { TEXTURE_ROW_BYTES, tallestStaged, textureBytes, textureSize } from './staging.js';
import { alignTo, BYTES, bytesOf, type DType, type NumberArray, type Tensor } from './tensor.js';

interface NamedBuffer {
  readonly dtype: DType;
  readonly buffer: GPUBuffer;
  readonly bytes: number;
}

const STORAGE = 0x80 | 0x8 | 0x4; // STORAGE | COPY_DST | COPY_SRC
const UNIFORM = 0x40 | 0x8; // UNIFORM | COPY_DST
const READBACK = 0x1 | 0x8; // MAP_READ | COPY_DST
const STAGING = 0x8 | 0x2; // STORAGE_BINDING | COPY_DST, of a texture

/** Bytes that are read back at once: enough that the waits between do not count. */
const READBACK_BYTES = 2 ** 24;

export interface StagingTexture {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
}

/** All device memory of a runtime: named buffers, the pool of slots, staging textures, parameters of passes. */
export class GpuMemory {
  private readonly named = new Map<string, NamedBuffer>();
  private readonly slots: GPUBuffer[] = [];
  private readonly textures: StagingTexture[] = [];
  private readonly uniforms: GPUBuffer[] = [];
  /** Slots and textures that an earlier program still uses, replaced by larger ones. */
  private readonly retired: (GPUBuffer | GPUTexture)[] = [];

  /** Storage made since keepNew(). */
  private fresh: GPUBuffer[] = [];

  /** What kernels that share out their tiles count in (shaders/lib/work-queue.wgsl); made when first wanted. */
  private counter: GPUBuffer | undefined;

  /** Through which values come back; made when first wanted. */
  private readback: GPUBuffer | undefined;
  private lastRead: Promise<void> = Promise.resolve();

  constructor(private readonly device: GPUDevice) {}

  get bytes(): number {
    return this.all().reduce(
      (sum, resource) => sum + ('size' in resource ? resource.size : textureBytes(resource.height)),
      0,
    );
  }

  release(): void {
    for (const resource of this.all()) resource.destroy();
    this.named.clear();
    for (const own of [this.counter, this.readback]) own?.destroy();
    this.counter = undefined;
    this.readback = undefined;
    for (const list of [this.slots, this.uniforms, this.retired, this.textures]) list.length = 0;
  }

  /** What has been made so far may hold values: clearNew() leaves it alone. */
  keepNew(): void {
    this.fresh = [];
  }

  /** New buffers are zero, which a device may see to when it first uses them. Asked for, it does so now: the first step need not wait. */
  clearNew(): void {
    const encoder = this.device.createCommandEncoder();
    for (const buffer of this.fresh) encoder.clearBuffer(buffer);
    this.device.queue.submit([encoder.finish()]);
    this.keepNew();
  }

  allocate(name: string, dtype: DType, elements: number): void {
    const bytes = alignTo(elements * BYTES[dtype], 4);
    const old = this.named.get(name);
    if (old && old.bytes >= bytes) return;
    if (old)
      throw new Error(
        `buffer '${name}' is in use with ${old.bytes} bytes and cannot grow to ${bytes}; allocate it first`,
      );
    this.named.set(name, { dtype, bytes, buffer: this.storage(name, bytes) });
  }

  buffer(name: string): NamedBuffer {
    const found = this.named.get(name);
    if (!found) throw new Error(`no buffer '${name}'; allocate it or compile a program that uses it first`);
    return found;
  }

  write(name: string, data: NumberArray, offset: number): void {
    const { buffer, dtype } = this.buffer(name);
    const typed = data instanceof Float64Array ? Float32Array.from(data) : data;
    const bytes = alignTo(typed.byteLength, 4);
    const whole = bytes === typed.byteLength ? typed : pad(typed, bytes);
    this.device.queue.writeBuffer(buffer, offset * BYTES[dtype], whole as Float32Array<ArrayBuffer>);
  }

  /** Copies a range out, in pieces through one buffer; waits for all work submitted before, and for reads that began before. */
  async read(place: Place, count: number, dtype: DType): Promise<NumberArray> {
    const copy = new ArrayBuffer(alignTo(count * BYTES[dtype], 4));
    const reading = this.lastRead.then(() => this.readInto(copy, place));
    this.lastRead = reading.catch(() => {}); // told to who asked
    await reading;
    if (dtype === 'u8') return new Uint8Array(copy, 0, count);
    return dtype === 'u32' ? new Uint32Array(copy, 0, count) : new Float32Array(copy, 0, count);
  }

  private async readInto(target: ArrayBuffer, { buffer, offset }: Place): Promise<void> {
    const staging = this.readbackFor(Math.min(target.byteLength, READBACK_BYTES));
    for (let at = 0; at < target.byteLength; at += READBACK_BYTES) {
      const bytes = Math.min(READBACK_BYTES, target.byteLength - at);
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, offset + at, staging, 0, bytes);
      this.device.queue.submit([encoder.finish()]);
      await staging.mapAsync(1, 0, bytes);
      new Uint8Array(target, at, bytes).set(new Uint8Array(staging.getMappedRange(0, bytes)));
      staging.unmap();
    }
  }

  private readbackFor(bytes: number): GPUBuffer {
    if (this.readback && this.readback.size >= bytes) return this.readback;
    this.readback?.destroy();
    this.readback = this.device.createBuffer({ label: 'readback', size: bytes, usage: READBACK });
    return this.readback;
  }

  /** Makes the pool of slots that these plans share and tells each plan which of the pool's buffers its slots are. */
  reserveSlots(plans: readonly Plan[]): GPUBuffer[][] {
    slotPool(plans).forEach((bytes, rank) => {
      const old = this.slots[rank];
      if (old && old.size >= bytes + TEXTURE_ROW_BYTES) return;
      if (old) this.retired.push(old);
      this.slots[rank] = this.storage(`slot ${rank}`, bytes);
    });
    return plans.map((made) => slotRanks(made).map((rank) => this.slots[rank]!));
  }

  /**
   * Staging textures are shared by all passes of all programs: commands run in order, so there are as many as one pass reads, each as
   * tall as the largest tensor that it may hold.
   */
  reserveTextures(plans: readonly Plan[], kernels: ReadonlyMap<string, Kernel>): StagingTexture[] {
    const reflectionOf = (pass: Pass) => kernels.get(KernelCache.key(pass))!.reflection;
    return tallestStaged(plans, reflectionOf).map((height, i) => {
      const old = this.textures[i];
      if (old && old.texture.height >= height) return old;
      if (old) this.retired.push(old.texture);
      const texture = this.device.createTexture({
        label: `staging ${i}`,
        size: textureSize(height),
        format: 'rgba32float',
        usage: STAGING,
      });
      const made = { texture, view: texture.createView() };
      this.textures[i] = made;
      return made;
    });
  }

  /** One uniform buffer with a place for the parameters of each pass. */
  uniformArena(label: string, parameters: readonly Uint32Array[]): GPUBufferBinding[] {
    const stride = Math.max(256, this.device.limits.minUniformBufferOffsetAlignment);
    let total = 0;
    const offsets = parameters.map((data) => {
      const offset = total;
      total += alignTo(data.byteLength, stride);
      return offset;
    });
    const buffer = this.device.createBuffer({ label, size: Math.max(total, stride), usage: UNIFORM });
    this.uniforms.push(buffer);
    return parameters.map((data, i) => {
      this.device.queue.writeBuffer(buffer, offsets[i]!, data as Uint32Array<ArrayBuffer>);
      return { buffer, offset: offsets[i]!, size: data.byteLength };
    });
  }

  /** One for all kernels, since dispatches run one after another and each leaves it zero. */
  get queue(): GPUBuffer {
    this.counter ??= this.device.createBuffer({ label: 'queue', size: 4, usage: STORAGE });
    return this.counter;
  }

  /** Where a tensor or temporary of a plan lies, whose slots are these buffers. */
  place(value: Tensor | Scratch, { slotOf }: Plan, slots: readonly GPUBuffer[]): Place {
    if (value instanceof Scratch)
      return { buffer: slots[slotOf.get(value)!]!, offset: 0, bytes: value.bytes };
    const { root, start, dtype } = value;
    const range = { offset: start * BYTES[dtype], bytes: bytesOf(value) };
    if (root.storage.kind === 'buffer') return { buffer: this.buffer(root.storage.buffer).buffer, ...range };
    const slot = slotOf.get(root);
    if (slot === undefined)
      throw new Error('this tensor has no place: it is not part of the program, or not retained');
    return { buffer: slots[slot]!, ...range };
  }

  private all(): (GPUBuffer | GPUTexture)[] {
    const named = [...this.named.values()].map(({ buffer }) => buffer);
    const textures = this.textures.map(({ texture }) => texture);
    return [...named, ...this.slots, ...this.uniforms, ...this.retired, ...textures];
  }

  private storage(label: string, bytes: number): GPUBuffer {
    const { maxBufferSize } = this.device.limits;
    // Whole texture rows, so that any tensor can be staged through a texture.
    const size = alignTo(bytes, TEXTURE_ROW_BYTES) + TEXTURE_ROW_BYTES;
    if (size > maxBufferSize)
      throw new Error(
        `buffer '${label}' wants ${size} bytes; this adapter has at most ${maxBufferSize} in one buffer`,
      );
    const buffer = this.device.createBuffer({ label, size, usage: STORAGE });
    this.fresh.push(buffer);
    return buffer;
  }
}

function pad(data: Exclude<NumberArray, Float64Array>, bytes: number): Uint8Array {
  const padded = new Uint8Array(bytes);
  padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return padded;
}
