import { type Batch, evaluationBatches, type ImageSource } from '../data/batches.js';

import type { SampleList } from '../data/samples.js';
import { EpochLog, type MeanLosses } from './epoch-log.js';
import { type Metrics, summarise } from './metrics.js';
import { RING, type Session } from './session.js';

export interface Evaluation {
  readonly losses: MeanLosses;
  readonly metrics: Metrics;
  /** softmax(z)[1] of each frame that could be read, and which sample it is. */
  readonly scores: Float64Array;
  readonly samples: readonly number[];
}

export interface EvaluationHooks {
  /** Told after each batch. */
  readonly progress?: (images: number, step: number, steps: number) => void;
  /** True ends the evaluation without a result. */
  readonly interrupted?: () => boolean;
}

/** Probability of class 1 from two logits, in float64: softmax(z)[1]. */
const fakeProbability = (real: number, fake: number): number => 1 / (1 + Math.exp(real - fake));

/** Scores and losses of a split by the current weights; undefined when it was interrupted. */
export async function evaluate(
  session: Session,
  samples: SampleList,
  decoder: ImageSource,
  bs: number,
  hooks: EvaluationHooks = {},
): Promise<Evaluation | undefined> {
  const log = new EpochLog();
  const seen: number[] = [];
  let step = 0;
  const steps = Math.ceil(samples.length / bs);
  for await (const batch of evaluationBatches(samples, decoder, { bs })) {
    if (hooks.interrupted?.()) return undefined;
    await session.evaluate(batch.images, batch.labels, step % RING, seen.length);
    for (const losses of await session.losses(step % RING, 1)) log.add(losses);
    record(log, seen, batch);
    hooks.progress?.(batch.samples.length, ++step, steps);
  }
  const scores = scoresOf(await session.scores(seen.length));
  const keys = seen.map((index) => samples.folders[samples.at(index).clip]!.key);
  return { losses: log.means(), metrics: summarise(scores, log.labels, keys), scores, samples: seen };
}

function record(log: EpochLog, seen: number[], batch: Batch): void {
  for (const label of batch.labels) log.labels.push(label);
  for (const index of batch.samples) seen.push(index);
}

/** Logits [n,2] -> probabilities of fake [n]. */
export const scoresOf = (logits: Float32Array): Float64Array =>
  Float64Array.from({ length: logits.length / 2 }, (_, i) =>
    fakeProbability(logits[2 * i]!, logits[2 * i + 1]!),
  );
