import { availableParallelism } from 'node:os';
import { compileKernel, type Kernel } from '../../engine/gpu-program.js';

/** What stands for any buffer of a kernel that runs no workgroup. */
const BYTES = 256;

interface Worker {
  /** The last kernel given to it. */
  done: Promise<void>;
  readonly device: Promise<GPUDevice>;
  waiting: number;
}

/**
 * lavapipe turns a kernel into machine code when it is first dispatched, on the one thread of its queue, 0.3 to 2.5 s each, and Mesa
 * keeps the code on disk. So devices of their own, one a core, dispatch each kernel once before the real one does, over no workgroup.
 */
export class CodeGenerator {
  private readonly workers: Worker[] = [];

  /** @param open makes another device of the adapter in use */
  constructor(private readonly open: () => Promise<GPUDevice>) {}

  /** Resolves when the code of this kernel lies in the driver's cache. */
  generate(label: string, code: string): Promise<void> {
    const worker = this.idlest();
    worker.waiting++;
    const before = worker.done.catch(() => {}); // told to the one who asked for that kernel
    worker.done = before
      .then(async () => runNothing(await worker.device, label, code))
      .finally(() => worker.waiting--);
    return worker.done;
  }

  async close(): Promise<void> {
    for (const { done, device } of this.workers) {
      await done.catch(() => {});
      (await device.catch(() => undefined))?.destroy(); // where none could be opened, compile() has said so
    }
    this.workers.length = 0;
  }

  private idlest(): Worker {
    if (this.workers.length < availableParallelism())
      this.workers.push({ done: Promise.resolve(), device: this.open(), waiting: 0 });
    return this.workers.reduce((least, worker) => (worker.waiting < least.waiting ? worker : least));
  }
}

async function runNothing(device: GPUDevice, label: string, code: string): Promise<void> {
  const kernel = await compileKernel(device, label, code);
  const resources = standIns(device, kernel);
  const entries = resources.map(({ binding, resource }) => ({ binding, resource: resourceOf(resource) }));
  // Indirectly, because Dawn warns of a count of 0 that it sees. A new buffer is zero.
  const none = device.createBuffer({ size: 12, usage: GPUBufferUsage.INDIRECT });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(kernel.pipeline);
  pass.setBindGroup(0, device.createBindGroup({ label, layout: kernel.layout, entries }));
  pass.dispatchWorkgroupsIndirect(none, 0);
  pass.end();
  device.queue.submit([encoder.finish()]);
  await device.queue.onSubmittedWorkDone();
  for (const { resource } of [...resources, { resource: none }]) resource.destroy();
}

const standIns = (device: GPUDevice, { reflection }: Kernel) =>
  reflection.bindings.map(({ binding, kind }) => ({
    binding,
    resource:
      kind === 'texture'
        ? device.createTexture({
            size: [1, 1],
            format: 'rgba32float',
            usage: GPUTextureUsage.STORAGE_BINDING,
          })
        : device.createBuffer({
            size: BYTES,
            usage: kind === 'uniform' ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE,
          }),
  }));

const resourceOf = (resource: GPUBuffer | GPUTexture): GPUBindingResource =>
  'createView' in resource ? resource.createView() : { buffer: resource };
