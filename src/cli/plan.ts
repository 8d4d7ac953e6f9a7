import { type PlanReport, planReport } from '../train/plan-report.js';
import type { ConfigOf } from './config.js';
import { programConfig } from './program-config.js';
import { table } from './table.js';

/** The adapters that a plan is made for: what one can bind at once decides the largest slice of a batch. */
const ADAPTERS = {
  'a GPU (2 GiB bindings)': { software: false, subgroupSize: 32, binding: 2 ** 31 - 4 },
  'lavapipe (128 MiB bindings)': { software: true, subgroupSize: 8, binding: 2 ** 27 },
  'SwiftShader (1 GiB bindings)': { software: true, subgroupSize: 4, binding: 2 ** 30 },
};

/** `clew plan`: parameters, FLOPs, dispatches, pipelines and memory of a training step; touches no GPU. */
export async function run(config: ConfigOf<'plan'>): Promise<number> {
  const program = programConfig(config);
  const sizes = {
    batches: [config.bs],
    ...(config.micro_bs === undefined ? {} : { slice: config.micro_bs }),
    evaluationBatch: config.test_bs,
    samples: Math.max(config.bs, config.test_bs),
    budget: config.memory * 2 ** 30,
  };
  const reports = Object.entries(ADAPTERS).map(([name, { software, subgroupSize, binding }]) => {
    const features = new Set(['subgroups']);
    const limits = { maxStorageBufferBindingSize: binding };
    return { name, report: planReport(program, sizes, { software, subgroupSize, features, limits }) };
  });
  if (config.json)
    process.stdout.write(
      `${JSON.stringify(Object.fromEntries(reports.map(({ name, report }) => [name, report])))}\n`,
    );
  else process.stdout.write(asText(config, reports));
  return 0;
}

const count = (value: number): string =>
  value >= 1e6 ? `${(value / 1e6).toFixed(1)} M` : value.toLocaleString('en');
const giga = (value: number): string =>
  `${(value / 1e9).toLocaleString('en', { maximumFractionDigits: 2 })} G`;
const mib = (bytes: number): string =>
  `${(bytes / 2 ** 20).toLocaleString('en', { maximumFractionDigits: 1 })} MiB`;

function asText(config: ConfigOf<'plan'>, reports: readonly { name: string; report: PlanReport }[]): string {
  const { parameters, stepFlops, forwardFlopsPerImage, memory } = reports[0]!.report;
  const slices = config.micro_bs === undefined ? '' : `, --micro_bs ${config.micro_bs}`;
  const buffers = Object.entries(memory.buffers).sort(([, a], [, b]) => b - a);
  return [
    `${config.model}, ${config.num_LIBs} LIBs, ${config.size} x ${config.size} pixels, --bs ${config.bs}${slices}`,
    '',
    table([
      ['parameters', 'count'],
      ...Object.entries(parameters.byPart).map(([part, n]) => [part, count(n)]),
      [
        'all (of these not trained)',
        `${count(parameters.trained + parameters.frozen)} (${count(parameters.frozen)})`,
      ],
    ]),
    '',
    `FLOPs: ${giga(forwardFlopsPerImage)} forward per image, ${giga(stepFlops)} a training step`,
    '',
    table([
      ['memory', 'bytes'],
      ...buffers.filter(([, bytes]) => bytes >= 2 ** 16).map(([name, bytes]) => [name, mib(bytes)]),
      ['intermediate tensors', mib(memory.slots)],
      ['peak, on a GPU', mib(memory.total)],
    ]),
    '',
    table([
      ['adapter', 'dispatches', 'pipelines', 'peak memory', 'largest --micro_bs'],
      ...reports.map(({ name, report }) => [
        name,
        `${report.dispatches}`,
        `${report.pipelines}`,
        mib(report.memory.total),
        report.largestMicroBatch === 0 ? 'none fits' : `${report.largestMicroBatch}`,
      ]),
    ]),
    `(at most ${config.memory} GiB of device memory: --memory)`,
    '',
  ].join('\n');
}
