import { imagesIn } from '../data/folders.js';
import { evaluationSamples } from '../data/lists.js';
import { SampleList } from '../data/samples.js';
import type { OpenRuntime } from '../platform/node/runtime.js';
import { Checkpoint } from '../train/checkpoint.js';
import type { SessionSizes } from '../train/slices.js';
import { loadWeights } from '../train/snapshot.js';
import type { Call, TestConfig } from './config.js';
import { memoryBudget, openDataset, openDecoder } from './datasets.js';
import { ARCHITECTURE, aboutOf, adopt, openDetector } from './detector.js';
import { arithmeticOf, programConfig } from './program-config.js';
import { ProgressDisplay } from './progress.js';
import { CSV_HEADING, resultsTable, scoresCsv, type TestResult, writeCsv } from './results.js';
import { testSplit } from './scoring.js';

/** What a checkpoint's network is: the losses that it was trained with decide which heads it has. */
const NETWORK = [...ARCHITECTURE, 'lil_loss', 'gil_loss'] as const;

/** An evaluation computes a loss along, which a test does not show: the cheapest. */
const PLAIN = { gil: false, lil: false, method: 'sum' } as const;

/** `clew test`: metrics of a checkpoint on data sets, or scores of a folder of images. Writes no model. */
export async function run(asked: TestConfig, call: Call): Promise<number> {
  const path = asked.resume_model!;
  const checkpoint = await Checkpoint.open(path);
  try {
    const about = aboutOf(checkpoint);
    const config = about ? adopt(asked, call.given, path, about.flags, NETWORK) : asked;
    return await score(config, checkpoint);
  } finally {
    await checkpoint.close();
  }
}

async function score(config: TestConfig, checkpoint: Checkpoint): Promise<number> {
  const sets = await sampleLists(config);
  const decoder = await openDecoder(
    config,
    sets.map(({ samples }) => samples),
    note,
  );
  const display = new ProgressDisplay();
  const largest = Math.max(...sets.map(({ samples }) => samples.length));
  try {
    const sizes = (opened: OpenRuntime): SessionSizes => ({
      batches: [],
      evaluationBatch: Math.min(config.test_bs, largest),
      samples: largest,
      budget: memoryBudget(opened.runtime.capabilities.software),
    });
    const program = programConfig(config);
    const plain = { ...program, loss: { ...program.loss, ...PLAIN } };
    const { runtime, session } = await openDetector(config.adapter, plain, sizes, {
      tune: config.tune,
      arithmetic: arithmeticOf(config),
      progress: (stage, done, total) => display.stage(stage, done, total),
    });
    const results: TestResult[] = [];
    const csv: string[] = [];
    try {
      await loadWeights(checkpoint, session);
      for (const { name, samples } of sets) {
        const tested = (await testSplit(session, name, samples, decoder, config.test_bs, display))!;
        results.push(...tested.results);
        csv.push(scoresCsv(name, samples, tested.evaluation));
      }
    } finally {
      display.stop();
      await runtime.close();
    }
    if (config.csv !== undefined) await writeCsv(config.csv, csv);
    process.stdout.write(output(config, results, csv));
  } finally {
    await decoder.close();
  }
  return 0;
}

async function sampleLists(config: TestConfig): Promise<{ name: string; samples: SampleList }[]> {
  if (config.images !== undefined)
    return [{ name: config.images, samples: new SampleList(config.images, imagesIn(config.images)) }];
  const sets = [];
  for (const name of config.dataset) {
    const split = await openDataset(name, config, note);
    sets.push({ name, samples: evaluationSamples(split('test')!) });
  }
  return sets;
}

const note = (line: string): void => void process.stderr.write(`clew: note: ${line}\n`);

/** Images without labels have scores only. */
function output(config: TestConfig, results: readonly TestResult[], csv: readonly string[]): string {
  if (config.json) return `${JSON.stringify({ results })}\n`;
  if (config.images !== undefined)
    return config.csv === undefined ? `${[CSV_HEADING, ...csv].join('\n')}\n` : '';
  return `${resultsTable(results)}\n`;
}
