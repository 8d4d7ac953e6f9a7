import { GpuRuntime } from '../../engine/gpu-runtime.js';
import type { Capabilities } from '../../engine/op.js';
import { ReferenceRuntime } from '../../engine/reference-runtime.js';
import type { Runtime } from '../../engine/runtime.js';
import { UserError } from '../../errors.js';
import type { AdapterFacts, OpenDevice } from './open.js';

/** A runtime and what is known of the adapter under it. */
export interface OpenRuntime {
  readonly runtime: Runtime;
  /** One line: name and driver. */
  readonly name: string;
  /** Undefined for the float64 reference on the CPU. */
  readonly adapter: AdapterFacts | undefined;
  readonly device: OpenDevice | undefined;
}

/** Opens `--adapter gpu|system|bundled|reference|TEXT`, or CLEW_ADAPTER's, or the best there is. */
export async function openRuntime(
  choice = process.env.CLEW_ADAPTER,
  allowed: Pick<Capabilities, 'fastMath' | 'halves'> = {},
): Promise<OpenRuntime> {
  if (choice?.toLowerCase() === 'reference') {
    const name = 'reference (float64 on the CPU)';
    return { runtime: new ReferenceRuntime(), name, adapter: undefined, device: undefined };
  }
  const { openDevice } = await import('./open.js');
  const device = await openDevice(choice);
  const { adapter } = device;
  if (allowed.halves && !adapter.features.includes('shader-f16')) {
    await device.close();
    throw new UserError(`--precision f16: ${nameOf(adapter)} has no shader-f16; leave the flag out`);
  }
  return {
    runtime: new GpuRuntime({ ...device, capabilities: { ...capabilitiesOf(adapter), ...allowed } }),
    name: nameOf(adapter),
    adapter,
    device,
  };
}

export const nameOf = ({ description, driver }: AdapterFacts): string =>
  driver && driver !== description ? `${description} (${driver})` : description;

const capabilitiesOf = ({ software, subgroupSize, features, limits }: AdapterFacts): Capabilities => ({
  software,
  subgroupSize,
  features: new Set(features),
  limits,
});
