import { byOperation, chromeTrace, type StepTiming, timeStep } from '../../bench/step.js';
import { UserError } from '../errors.js';
import { writeFileAtomic } from '../io/files.js';
import { initialise } from '../model/initialise.js';
import type { ConfigOf } from './config.js';
import { memoryBudget } from './datasets.js';
import { openDetector } from './detector.js';
import { arithmeticOf, programConfig } from './program-config.js';
import { ProgressDisplay } from './progress.js';
import { table } from './table.js';

/** Steps that are timed, behind the first. */
const REPEATS = 7;

/** `clew bench step`: a training step of the given flags, as a whole and dispatch by dispatch. */
export async function benchStep(config: ConfigOf<'bench'>): Promise<void> {
  const display = new ProgressDisplay();
  const { runtime, name, device, session } = await openDetector(
    config.adapter,
    programConfig(config),
    (opened) => ({
      batches: [config.bs],
      ...(config.micro_bs === undefined ? {} : { slice: config.micro_bs }),
      evaluationBatch: config.bs,
      samples: config.bs,
      budget: memoryBudget(opened.runtime.capabilities.software),
    }),
    {
      tune: config.tune,
      arithmetic: arithmeticOf(config),
      progress: (stage, done, total) => display.stage(stage, done, total),
    },
  );
  try {
    if (!device)
      throw new UserError('--adapter reference: it is not there to be timed; choose a GPU or driver');
    await initialise(runtime, session.table, config.seed); // zeros would give no finite loss, and the optimizer nothing to do
    const timing = await timeStep(session, device, config.bs, REPEATS, (done) =>
      display.stage('steps', done, REPEATS),
    );
    display.stop();
    if (config.trace) await writeTrace(config.trace, name, timing);
    process.stdout.write(config.json ? asJson(config, name, timing) : asText(config, name, timing));
  } finally {
    await runtime.close();
  }
}

async function writeTrace(path: string, adapter: string, { spans }: StepTiming): Promise<void> {
  if (!spans)
    throw new UserError(`--trace ${path}: ${adapter} has no clock (timestamp-query), so there is no trace`);
  await writeFileAtomic(path, new TextEncoder().encode(chromeTrace(adapter, spans)));
}

function asJson(
  { model, num_LIBs, size, bs }: ConfigOf<'bench'>,
  adapter: string,
  timing: StepTiming,
): string {
  const { spans, ...rest } = timing;
  const ops = spans ? byOperation(spans) : null;
  return `${JSON.stringify({ adapter, model, libs: num_LIBs, size, batch: bs, ...rest, ops })}\n`;
}

function asText(config: ConfigOf<'bench'>, adapter: string, timing: StepTiming): string {
  const { firstMs, startMs, ms, encodeMs, dispatches, heapBytes, plannedBytes, heldBytes, spans } = timing;
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const lines = [
    `${config.model}, ${config.num_LIBs} LIBs, ${config.size} x ${config.size} pixels, --bs ${config.bs}, on ${adapter}`,
    `step: ${ms.toFixed(1)} ms, ${((1e3 * config.bs) / ms).toFixed(1)} images/s; the first one ${firstMs.toFixed(0)} ms, done ${(startMs / 1000).toFixed(1)} s after the start`,
    `encoding: ${encodeMs.toFixed(2)} ms for ${dispatches} dispatches, ${((1e3 * encodeMs) / dispatches).toFixed(1)} us each`,
    `JavaScript allocates ${(heapBytes / 1024).toFixed(0)} KiB a step`,
    `device memory: ${mib(heldBytes)} held, ${mib(plannedBytes)} by plan`,
    '',
  ];
  if (!spans)
    return [...lines, 'this adapter has no clock (timestamp-query): no times by operation', ''].join('\n');
  const all = spans.reduce((sum, span) => sum + span.ms, 0);
  const rows = byOperation(spans).map((row) => [
    row.op,
    row.variant,
    `${row.dispatches}`,
    row.ms.toFixed(2),
    `${((100 * row.ms) / all).toFixed(1)} %`,
  ]);
  return [...lines, table([['operation', 'variant', 'dispatches', 'ms', 'of all'], ...rows]), ''].join('\n');
}
