import type { Capabilities, Pass } from './op.js';
import { type Chooser, largestBinding, type Plan, plan, slotPool } from './plan.js';
import { bufferNeeds, type ProgramSource } from './runtime.js';
import { kernelKey, type Reflection, reflect, shaderText } from './shader.js';
import { tallestStaged, textureBytes } from './staging.js';
import { alignTo, BYTES, type Meta } from './tensor.js';

/** Device memory of programs compiled together, in bytes, by part. */
export interface MemoryReport {
  /** Named buffers: parameters, gradients, moments, statistics, inputs, results. */
  readonly buffers: Readonly<Record<string, number>>;
  /** Intermediate tensors. */
  readonly slots: number;
  /** Textures through which software adapters read. */
  readonly staging: number;
  readonly total: number;
  readonly largest: { readonly bytes: number; readonly op: string; readonly meta: Meta } | undefined;
  readonly dispatches: Readonly<Record<string, number>>;
  readonly pipelines: number;
  readonly flops: Readonly<Record<string, number>>;
}

/** What compile() would take, worked out without a GPU. @param choose decides on variants, as compile()'s does */
export function memoryOf(
  sources: readonly ProgramSource[],
  capabilities: Capabilities,
  choose?: Chooser,
): MemoryReport {
  const plans = sources.map(({ graph, retain = [] }) =>
    plan(graph, capabilities, { retain, ...(choose ? { choose } : {}) }),
  );
  const buffers = Object.fromEntries(
    [...bufferNeeds(sources)].map(([name, { dtype, elements }]) => [
      name,
      alignTo(elements * BYTES[dtype], 4),
    ]),
  );
  const slots = slotPool(plans).reduce((a, b) => a + b, 0);
  const staging = tallestStaged(plans, reflectionOf).reduce((sum, rows) => sum + textureBytes(rows), 0);
  const byName = <T>(value: (made: Plan) => T): Record<string, T> =>
    Object.fromEntries(sources.map(({ name }, i) => [name, value(plans[i]!)]));
  const keys = plans.flatMap(({ calls }) =>
    calls.flatMap(({ passes }) => passes.map(({ shader, constants }) => kernelKey(shader, constants))),
  );
  return {
    buffers,
    slots,
    staging,
    total: Object.values(buffers).reduce((a, b) => a + b, slots + staging),
    largest: plans
      .map(largestBinding)
      .reduce((a, b) => ((b?.bytes ?? 0) > (a?.bytes ?? 0) ? b : a), undefined),
    dispatches: byName(({ calls }) => calls.reduce((sum, { passes }) => sum + passes.length, 0)),
    pipelines: new Set(keys).size,
    flops: byName(({ flops }) => flops),
  };
}

const known = new Map<string, Reflection>();
function reflectionOf({ shader, constants }: Pass): Reflection {
  const key = kernelKey(shader, constants);
  const found = known.get(key) ?? reflect(shaderText(shader, constants));
  known.set(key, found);
  return found;
}

/** Why these programs cannot run on an adapter, in words; undefined if they can. */
export function misfit(
  report: MemoryReport,
  { limits }: Capabilities,
  budget = Number.POSITIVE_INFINITY,
): string | undefined {
  const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20).toLocaleString('en')} MiB`;
  const binding = limits.maxStorageBufferBindingSize ?? Number.POSITIVE_INFINITY;
  const { largest, total } = report;
  if (largest && largest.bytes > binding)
    return `${largest.op} needs a tensor [${largest.meta.shape}] of ${mib(largest.bytes)}; this adapter binds at most ${mib(binding)} at once`;
  if (total > budget) return `the step needs ${mib(total)} of device memory; ${mib(budget)} may be used`;
  return undefined;
}
