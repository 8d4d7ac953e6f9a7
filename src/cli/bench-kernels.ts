import { type KernelTiming, samplesOf, selectKernels, timeKernel } from '../../bench/kernels.js';
import type { Op } from '../engine/op.js';
import { UsageError, UserError } from '../errors.js';
import { writeFileAtomic } from '../io/files.js';
import { openRuntime } from '../platform/node/runtime.js';
import { LimitProbes, type Limits, medianLimits } from '../platform/probe.js';
import { rooflinePage } from '../report/roofline.js';
import type { ConfigOf } from './config.js';
import { operationsWith } from './own-kernels.js';
import { arithmeticOf } from './program-config.js';
import { table } from './table.js';

/** `clew bench kernels`: each operation's time, as a share of the limits measured in the same rounds. */
export async function benchKernels(config: ConfigOf<'bench'>): Promise<void> {
  const operations = await operationsWith(config.kernels);
  const { runtime, name, device } = await openRuntime(config.adapter, arithmeticOf(config));
  try {
    if (!device)
      throw new UserError('--adapter reference: it is not there to be timed; choose a GPU or driver');
    const selected = selectKernels(operations, runtime, filterOf(config));
    if (selected.length === 0) throw new UsageError(nothingSelected(config, operations));
    const probes = await LimitProbes.open(device.device, runtime.capabilities.software);
    const kernels: KernelTiming[] = [];
    for (const kernel of selected) {
      const { op, sample, variant } = kernel;
      if (!config.json) process.stderr.write(`${op.name} ${sample.name} ${variant} ...\n`);
      kernels.push(await timeKernel(runtime, probes, kernel));
    }
    probes.release();
    const limits = medianLimits(kernels.map((timing) => timing.limits));
    const report = { adapter: name, ...limits, kernels };
    if (config.html) await writeFileAtomic(config.html, new TextEncoder().encode(rooflinePage(report)));
    process.stdout.write(config.json ? `${JSON.stringify(report)}\n` : asText(name, limits, kernels));
  } finally {
    await runtime.close();
  }
}

/** Own kernels are there to be compared, so all variants run beside them. */
const filterOf = ({ op, shape, variant, kernels }: ConfigOf<'bench'>) => {
  const wanted = variant ?? (kernels === undefined ? undefined : 'all');
  return {
    ...(op === undefined ? {} : { op }),
    ...(shape === undefined ? {} : { shape }),
    ...(wanted === undefined ? {} : { variant: wanted }),
  };
};

function nothingSelected({ op, shape, variant }: ConfigOf<'bench'>, operations: readonly Op[]): string {
  const found = operations.find(({ name }) => name === op);
  if (op !== undefined && !found)
    return `--op ${op}: no such operation; there are ${operations.map(({ name }) => name).join(', ')}`;
  const of = found ? [found] : operations;
  const shapes = of.flatMap((each) =>
    samplesOf(each, found ? { op: found.name } : {}).map(({ name }) => name),
  );
  if (shape !== undefined && !shapes.some((name) => name.includes(shape)))
    return `--shape ${shape}: no such case; there are ${shapes.join(', ')}`;
  return `--variant ${variant}: none of that name runs here; there are ${[...new Set(of.flatMap(({ variants }) => Object.keys(variants)))].join(', ')}`;
}

function asText(adapter: string, { fmaGflops, copyGBps }: Limits, timings: readonly KernelTiming[]): string {
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const rows = timings.map(({ op, shape, variant, ms, firstMs, gflops, gbps, limits }) => [
    op,
    shape,
    variant,
    ms.toFixed(3),
    gflops.toFixed(2),
    percent(gflops / limits.fmaGflops),
    gbps.toFixed(2),
    percent(gbps / limits.copyGBps),
    firstMs.toFixed(0),
  ]);
  const heading = ['operation', 'shape', 'variant', 'ms', 'GFLOP/s', 'of FMA', 'GB/s', 'of copy', 'first ms'];
  return `${table([heading, ...rows])}\n\n${adapter}: ${fmaGflops.toFixed(1)} GFLOP/s, ${copyGBps.toFixed(2)} GB/s\n`;
}
