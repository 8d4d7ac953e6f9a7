import type { GpuProgram } from './gpu-program.js';

/** One dispatch of a program, or a copy into a texture. */
export interface Span {
  readonly op: string;
  readonly variant: string;
  readonly shader: string;
  readonly grid: readonly [number, number, number];
  /** Milliseconds since the program's first dispatch began. */
  readonly start: number;
  readonly ms: number;
}

type Dispatch = Extract<GpuProgram['commands'][number], { kind: 'dispatch' }>;

/** A query set holds so many (WebGPU's limit is 4,096). */
const QUERIES = 4096;

/**
 * Runs a program once with the device's clock read before and after each dispatch (Dawn's rounding to 0.1 ms is off). Each dispatch
 * is a compute pass of its own here, copies into textures go by themselves: the sum is a little more than the program takes.
 * @throws Error on a device without `timestamp-query`
 */
export async function profile(device: GPUDevice, program: GpuProgram): Promise<Span[]> {
  const dispatches = program.commands.filter((command): command is Dispatch => command.kind === 'dispatch');
  const sets = Array.from({ length: Math.ceil((2 * dispatches.length) / QUERIES) }, () =>
    device.createQuerySet({ label: 'profile', type: 'timestamp', count: QUERIES }),
  );
  const encoder = device.createCommandEncoder({ label: 'profile' });
  let next = 0;
  program.encode(encoder, () => {
    const at = 2 * next++;
    return {
      querySet: sets[Math.floor(at / QUERIES)]!,
      beginningOfPassWriteIndex: at % QUERIES,
      endOfPassWriteIndex: (at % QUERIES) + 1,
    };
  });
  const times = await resolve(device, encoder, sets);
  for (const set of sets) set.destroy();
  const milliseconds = (i: number): number => Number(times[i]! - times[0]!) / 1e6;
  return dispatches.map(({ op, variant, shader, grid }, i) => {
    const start = milliseconds(2 * i);
    return { op, variant, shader, grid, start, ms: Math.max(0, milliseconds(2 * i + 1) - start) };
  });
}

async function resolve(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  sets: readonly GPUQuerySet[],
): Promise<BigUint64Array> {
  const size = sets.length * QUERIES * 8;
  const resolved = device.createBuffer({ label: 'profile', size, usage: 0x200 | 0x4 }); // QUERY_RESOLVE | COPY_SRC
  const staging = device.createBuffer({ label: 'profile', size, usage: 0x1 | 0x8 }); // MAP_READ | COPY_DST
  sets.forEach((set, i) => {
    encoder.resolveQuerySet(set, 0, QUERIES, resolved, i * QUERIES * 8);
  });
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  const times = new BigUint64Array(staging.getMappedRange().slice(0));
  staging.destroy();
  resolved.destroy();
  return times;
}
