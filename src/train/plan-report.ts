import { type MemoryReport, memoryOf } from '../engine/memory.js';
import type { Capabilities } from '../engine/op.js';
import { ParameterTable } from '../model/parameters.js';
import { ProgramBuilder, type ProgramConfig } from './programs.js';
import { largestSlice, type SessionSizes, trainingSources } from './slices.js';

export interface PlanReport {
  readonly parameters: {
    readonly trained: number;
    readonly frozen: number;
    readonly byPart: Readonly<Record<string, number>>;
  };
  /** Floating-point operations of one training step, and of one image's forward pass. */
  readonly stepFlops: number;
  readonly forwardFlopsPerImage: number;
  readonly dispatches: number;
  readonly pipelines: number;
  readonly memory: MemoryReport;
  /** The largest --micro_bs that fits the adapter's limits and the budget; 0: none does. */
  readonly largestMicroBatch: number;
}

/** What a training configuration takes, worked out from its graphs alone. */
export function planReport(
  config: ProgramConfig,
  sizes: SessionSizes,
  capabilities: Capabilities,
): PlanReport {
  const table = new ParameterTable();
  const builder = new ProgramBuilder(config, table, sizes.samples);
  const memory = memoryOf(trainingSources(builder, sizes), capabilities);
  const forward = memoryOf([builder.evaluateFeatures(1, 1), builder.evaluateHeads(1)], capabilities);
  const sum = (values: Readonly<Record<string, number>>): number =>
    Object.values(values).reduce((a, b) => a + b, 0);
  return {
    parameters: {
      trained: table.count('trained'),
      frozen: table.count('frozen'),
      byPart: parametersByPart(table),
    },
    stepFlops: sum(memory.flops),
    forwardFlopsPerImage: sum(forward.flops),
    dispatches: sum(memory.dispatches),
    pipelines: memory.pipelines,
    memory,
    largestMicroBatch: largestSlice(config, { capabilities }, sizes),
  };
}

/** Parameters of the LIBs together and of each head. */
function parametersByPart(table: ParameterTable): Record<string, number> {
  const parts: Record<string, number> = {};
  for (const { name, libs, home, shape } of table.list()) {
    if (home !== 'trained' && home !== 'frozen') continue;
    const part =
      libs !== undefined
        ? `LIBs (${libs})`
        : name.startsWith('local_linear')
          ? 'local_linear'
          : name.split('.')[0]!;
    parts[part] = (parts[part] ?? 0) + shape.reduce((a, b) => a * b, 1);
  }
  return parts;
}
