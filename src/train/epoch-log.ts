import type { StepLosses } from './session.js';

export const LOSS_NAMES = ['total', 'ce', 'gil', 'lil'] as const;
type LossName = (typeof LOSS_NAMES)[number];
export type MeanLosses = Readonly<Record<LossName, number>>;

/** What the steps of one epoch have left behind, in their order: part of a checkpoint in the middle of an epoch. */
export class EpochLog {
  private readonly losses: number[] = [];
  readonly labels: number[] = [];
  taskWeights: readonly number[] = [];

  /** What a checkpoint held: losses [steps, 4] as flat() gives them, a label for each image, and the w_k of the last step. */
  static restore(
    losses: Iterable<number>,
    labels: Iterable<number>,
    taskWeights: Iterable<number>,
  ): EpochLog {
    const log = new EpochLog();
    for (const loss of losses) log.losses.push(loss); // one by one: a call takes some 100,000 arguments, an epoch has more images
    for (const label of labels) log.labels.push(label);
    log.taskWeights = Array.from(taskWeights);
    return log;
  }

  get steps(): number {
    return this.losses.length / LOSS_NAMES.length;
  }

  add(step: StepLosses): void {
    this.losses.push(...LOSS_NAMES.map((name) => step[name]));
    this.taskWeights = step.taskWeights;
  }

  get last(): MeanLosses | undefined {
    return this.steps > 0 ? this.row(this.steps - 1) : undefined;
  }

  /** Means over batches, unweighted (METHOD 4). */
  means(): MeanLosses {
    const rows = Array.from({ length: this.steps }, (_, i) => this.row(i));
    const mean = (name: LossName): number =>
      rows.reduce((sum, losses) => sum + losses[name], 0) / rows.length;
    return Object.fromEntries(LOSS_NAMES.map((name) => [name, mean(name)])) as Record<LossName, number>;
  }

  /** [steps, 4] for a checkpoint. */
  flat(): Float64Array {
    return Float64Array.from(this.losses);
  }

  private row(i: number): MeanLosses {
    const at = i * LOSS_NAMES.length;
    return Object.fromEntries(LOSS_NAMES.map((name, k) => [name, this.losses[at + k]!])) as Record<
      LossName,
      number
    >;
  }
}
