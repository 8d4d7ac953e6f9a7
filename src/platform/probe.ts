import { shaderText } from '../engine/shader.js';
import type { ShaderName } from '../kernels/shaders.generated.js';
import { median } from '../median.js';

/** What the adapter can do at most, multiply-adds (2 FLOP each) and copying (bytes read plus bytes written): the rulers for kernels. */
export interface Limits {
  fmaGflops: number;
  copyGBps: number;
}

const STORAGE = 0x80; // GPUBufferUsage.STORAGE: browsers and Node agree on the number, and Node has no such global by itself
const TARGET_MS = 60; // long against the 1-2 ms by which waiting may overshoot
const ROUNDS = 4;
const FMA_LOOPS = 250;
const COPY_BYTES = 80 * 2 ** 20; // beyond the caches of CPUs and of most cards, within every binding limit

interface Probe {
  shader: ShaderName;
  constants: Record<string, number>;
  buffers: GPUBuffer[];
  workgroups: number;
}

/** Milliseconds for so many dispatches in one submit. */
type Run = (dispatches: number) => Promise<number>;

async function prepare(device: GPUDevice, { shader, constants, buffers, workgroups }: Probe): Promise<Run> {
  const label = `${shader} ${JSON.stringify(constants)}`;
  const module = device.createShaderModule({ label, code: shaderText(shader, constants) });
  const pipeline = await device.createComputePipelineAsync({ label, layout: 'auto', compute: { module } });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const group = device.createBindGroup({ label, layout: pipeline.getBindGroupLayout(0), entries });
  return async (dispatches) => {
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

/** Of a probe that has run, and so has its code: times a dispatch, in rounds long enough to time. */
async function ready(run: Run): Promise<() => Promise<number>> {
  await run(1);
  let dispatches = 1;
  for (let ms = await run(1); ms < TARGET_MS && dispatches < 4096; ms = await run(dispatches))
    dispatches = Math.ceil(dispatches * Math.min(4, (1.2 * TARGET_MS) / ms));
  return async () => (await run(dispatches)) / dispatches;
}

async function leastMs(round: () => Promise<number>): Promise<number> {
  let ms = await round();
  for (let i = 1; i < ROUNDS; i++) ms = Math.min(ms, await round());
  return ms;
}

/** A limit: the best kernel for it, and its rate at the best of several rounds. */
interface Limit {
  readonly rate: number;
  readonly round: () => Promise<number>;
}

/** Of several kernels, which do `work` a dispatch, the best one. */
async function bestOf(device: GPUDevice, kernels: { work: number; probe: Probe }[]): Promise<Limit> {
  let best: Limit = { rate: 0, round: async () => 0 };
  for (const { work, probe } of kernels) {
    const round = await ready(await prepare(device, probe));
    const rate = work / (await leastMs(round)) / 1e6;
    if (rate > best.rate) best = { rate, round: async () => work / (await round()) / 1e6 };
  }
  return best;
}

const storage = (device: GPUDevice, label: string, size: number) =>
  device.createBuffer({ label, size, usage: STORAGE });

/** Workgroups that fill a GPU would take seconds on a driver that computes on the CPU. */
const fillingGroups = (software: boolean): number => (software ? 256 : 16384);

/**
 * The limits of an adapter, to be measured again beside whatever is measured by them: a shared machine is not always as fast.
 * `software`: a driver that computes on the CPU.
 */
export class LimitProbes {
  private constructor(
    private readonly buffers: readonly GPUBuffer[],
    private readonly fma: Limit,
    private readonly copy: Limit,
  ) {}

  /** Tries several kernels for each limit, in a second or two. */
  static async open(device: GPUDevice, software: boolean): Promise<LimitProbes> {
    const workgroups = fillingGroups(software);
    const sums = storage(device, 'probe sums', workgroups * 64 * 4);
    const fma = [2, 3, 4].map((VECTORS) => ({
      work: workgroups * 64 * FMA_LOOPS * 4 * VECTORS * 4 * 2,
      probe: fmaProbe(VECTORS, sums, workgroups),
    }));
    const buffers = [storage(device, 'probe source', COPY_BYTES), storage(device, 'probe copy', COPY_BYTES)];
    const copy = [1, 4, 8].map((VECTORS) => ({
      work: 2 * COPY_BYTES,
      probe: {
        shader: 'probe/copy' as const,
        constants: { VECTORS },
        buffers,
        workgroups: COPY_BYTES / 16 / 256 / VECTORS,
      },
    }));
    return new LimitProbes([sums, ...buffers], await bestOf(device, fma), await bestOf(device, copy));
  }

  /** At the best of several rounds. */
  get best(): Limits {
    return { fmaGflops: this.fma.rate, copyGBps: this.copy.rate };
  }

  /** One round more of the best kernel of each. */
  async again(): Promise<Limits> {
    return { fmaGflops: await this.fma.round(), copyGBps: await this.copy.round() };
  }

  release(): void {
    for (const buffer of this.buffers) buffer.destroy();
  }
}

const fmaProbe = (VECTORS: number, sums: GPUBuffer, workgroups: number): Probe => ({
  shader: 'probe/fma',
  constants: { VECTORS, ROUNDS: FMA_LOOPS },
  buffers: [sums],
  workgroups,
});

export async function measureLimits(device: GPUDevice, software: boolean): Promise<Limits> {
  const probes = await LimitProbes.open(device, software);
  probes.release();
  return probes.best;
}

export const medianLimits = (measured: readonly Limits[]): Limits => ({
  fmaGflops: median(measured.map(({ fmaGflops }) => fmaGflops)),
  copyGBps: median(measured.map(({ copyGBps }) => copyGBps)),
});

/**
 * The share of a core that waiting for the GPU costs this thread, over a job of about half a second. `busyMs` reads the thread's
 * own clock: CPU time where the platform tells it.
 */
export async function waitingCost(
  device: GPUDevice,
  software: boolean,
  busyMs: () => number,
): Promise<number> {
  const workgroups = fillingGroups(software);
  const sums = storage(device, 'probe sums', workgroups * 64 * 4);
  const run = await prepare(device, fmaProbe(3, sums, workgroups));
  const each = await leastMs(await ready(run));
  const before = busyMs();
  const ms = await run(Math.ceil(500 / each));
  const share = (busyMs() - before) / ms;
  sums.destroy();
  return share;
}
