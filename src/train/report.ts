import type { EventWriter } from '../io/tensorboard.js';
import type { MeanLosses } from './epoch-log.js';
import type { Evaluation } from './evaluation.js';
import type { ScoreMetrics } from './metrics.js';

export interface EpochResults {
  readonly epoch: number;
  readonly lr: number;
  readonly training: ScoreMetrics;
  readonly losses: MeanLosses;
  readonly evaluation: Evaluation;
  readonly taskWeights: readonly number[];
  readonly isBest: boolean;
}

/** One line of metrics.jsonl. Train metrics compare MIXED images with the UNPERMUTED labels, as the reference does: of little use. */
export type ReportLine = ReturnType<typeof epochLine>;

export function epochLine({ epoch, lr, training, losses, evaluation, taskWeights, isBest }: EpochResults) {
  return {
    epoch,
    lr,
    best: isBest,
    train: { losses, mixed_vs_unpermuted_labels: training },
    evaluation: { losses: evaluation.losses, ...evaluation.metrics },
    task_weights: taskWeights,
  };
}

/** METHOD 4's tags, steps being epochs from 1; plus the loss terms and the learned weights w_k. */
export async function writeEvents(events: EventWriter, line: ReportLine): Promise<void> {
  const { epoch, train, evaluation, task_weights } = line;
  const sides = [
    { tag: 'Test_False', losses: train.losses, metrics: train.mixed_vs_unpermuted_labels as ScoreMetrics },
    { tag: 'Test_True', losses: evaluation.losses, metrics: evaluation as ScoreMetrics },
  ];
  for (const { tag, losses, metrics } of sides) {
    events.scalar(`${tag}/Accuracy_value`, metrics.accuracy, epoch);
    events.scalar(`${tag}/Loss_value`, losses.total, epoch);
    if (metrics.auc !== null) events.scalar(`${tag}/AUC_value`, metrics.auc, epoch);
    events.scalar(`${tag}/LogLoss_value`, metrics.logLoss, epoch);
    for (const name of ['ce', 'gil', 'lil'] as const) events.scalar(`${tag}/${name}`, losses[name], epoch);
  }
  task_weights.forEach((value, k) => {
    events.scalar(`task_weights/w${k}`, value, epoch);
  });
  await events.flush();
}
