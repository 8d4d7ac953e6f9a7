import { shaderText } from '../engine/shader.js';
import type { ShaderName } from '../kernels/shaders.generated.js';

/** What the adapter can do at most: the rulers that kernels are measured with. */
export interface Limits {
  fmaGflops: number;
  copyGBps: number;
}

const STORAGE = 0x80; // GPUBufferUsage.STORAGE: browsers and Node agree on the number, and Node has no such global by itself
const TARGET_MS = 60; // long against the 1-2 ms by which waiting may overshoot
const ROUNDS = 4;
const FMA_LOOPS = 250;
const COPY_BYTES = 80 * 2 ** 20; // beyond any cache, within every binding limit

interface Probe {
  shader: ShaderName;
  constants: Record<string, number>;
  buffers: GPUBuffer[];
  workgroups: number;
}

async function prepare(device: GPUDevice, { shader, constants, buffers, workgroups }: Probe) {
  const label = `${shader} ${JSON.stringify(constants)}`;
  const module = device.createShaderModule({ label, code: shaderText(shader, constants) });
  const pipeline = await device.createComputePipelineAsync({ label, layout: 'auto', compute: { module } });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const group = device.createBindGroup({ label, layout: pipeline.getBindGroupLayout(0), entries });
  /** Milliseconds for so many dispatches in one submit. */
  return async (dispatches: number): Promise<number> => {
    const encoder = device.createCommandEncoder({ label });
    const pass = encoder.beginComputePass({ label });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < dispatches; i++) pass.dispatchWorkgroups(workgroups);
    pass.end();
    const commands = encoder.finish();
    const start = performance.now();
    device.queue.submit([commands]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };
}

/** The least milliseconds a dispatch takes, of several rounds long enough to time. The first one, which compiles, is not counted. */
async function leastMs(device: GPUDevice, probe: Probe): Promise<number> {
  const run = await prepare(device, probe);
  await run(1);
  let dispatches = 1;
  let ms = await run(dispatches);
  while (ms < TARGET_MS && dispatches < 4096) {
    dispatches = Math.ceil(dispatches * Math.min(4, (1.2 * TARGET_MS) / ms));
    ms = await run(dispatches);
  }
  for (let round = 1; round < ROUNDS; round++) ms = Math.min(ms, await run(dispatches));
  return ms / dispatches;
}

/**
 * Multiply-adds (2 FLOP each) and copying (bytes read plus bytes written) at the best of several kernels, in a second or two.
 * `software`: a driver that computes on the CPU, where the dispatches that fill a GPU would take seconds.
 */
export async function measureLimits(device: GPUDevice, software: boolean): Promise<Limits> {
  const groups = software ? 256 : 16384;
  const buffer = (label: string, size: number) => device.createBuffer({ label, size, usage: STORAGE });
  const sums = buffer('probe sums', groups * 64 * 4);
  let fmaGflops = 0;
  for (const VECTORS of [2, 3, 4]) {
    const flops = groups * 64 * FMA_LOOPS * 4 * VECTORS * 4 * 2;
    const probe: Probe = {
      shader: 'probe/fma',
      constants: { VECTORS, ROUNDS: FMA_LOOPS },
      buffers: [sums],
      workgroups: groups,
    };
    fmaGflops = Math.max(fmaGflops, flops / (await leastMs(device, probe)) / 1e6);
  }
  const buffers = [buffer('probe source', COPY_BYTES), buffer('probe copy', COPY_BYTES)];
  let copyGBps = 0;
  for (const VECTORS of [1, 4, 8]) {
    const workgroups = COPY_BYTES / 16 / 256 / VECTORS;
    const ms = await leastMs(device, { shader: 'probe/copy', constants: { VECTORS }, buffers, workgroups });
    copyGBps = Math.max(copyGBps, (2 * COPY_BYTES) / ms / 1e6);
  }
  for (const made of [sums, ...buffers]) made.destroy();
  return { fmaGflops, copyGBps };
}

/**
 * The share of a core that waiting for the GPU costs this thread, over a job of about half a second. `busyMs` reads the thread's
 * own clock: CPU time where the platform tells it.
 */
export async function waitingCost(
  device: GPUDevice,
  software: boolean,
  busyMs: () => number,
): Promise<number> {
  const workgroups = software ? 256 : 16384;
  const sums = device.createBuffer({ label: 'probe sums', size: workgroups * 64 * 4, usage: STORAGE });
  const probe: Probe = {
    shader: 'probe/fma',
    constants: { VECTORS: 3, ROUNDS: FMA_LOOPS },
    buffers: [sums],
    workgroups,
  };
  const each = await leastMs(device, probe);
  const run = await prepare(device, probe);
  const before = busyMs();
  const ms = await run(Math.ceil(500 / each));
  const share = (busyMs() - before) / ms;
  sums.destroy();
  return share;
}
