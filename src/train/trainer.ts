import { epochBatches, epochPlan, type ImageSource } from '../data/batches.js';

import type { SampleList } from '../data/samples.js';
import { UserError } from '../errors.js';
import type { EventWriter } from '../io/tensorboard.js';
import type { Parameter } from '../model/parameters.js';
import { EpochLog, type MeanLosses } from './epoch-log.js';
import { type Evaluation, evaluate, scoresOf } from './evaluation.js';
import { type ScoreMetrics, scoreMetrics } from './metrics.js';
import { epochLine, writeEvents } from './report.js';
import type { RunFiles } from './run-files.js';
import { cosineLr, nextBaseLr } from './schedule.js';
import { RING, type Session } from './session.js';
import { copyWeights, notFinite, restoreWeights, saveCheckpoint } from './snapshot.js';
import type { RunState } from './state.js';

export interface TrainerOptions {
  readonly epochs: number;
  readonly bs: number;
  readonly testBs: number;
  readonly seed: number;
  /** Mixup's Beta(alpha, alpha); undefined: no mixup. */
  readonly alpha: number | undefined;
  /** Steps between checkpoints inside an epoch; 0: only between epochs. */
  readonly saveEvery: number;
  readonly saveModel: boolean;
  /** Base rate of the w_k: never halved. */
  readonly taskLr: number;
  /** What identifies the run, for checkpoints. */
  readonly about: Readonly<Record<string, unknown>>;
}

export interface TrainerData {
  readonly training: SampleList;
  /** The split that picks the best epoch and halves the rate. */
  readonly selecting: SampleList;
  readonly decoder: ImageSource;
}

export interface TrainerProgress {
  readonly phase: string;
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  readonly images: number;
  readonly losses: Partial<MeanLosses>;
}

/** What a trainer tells and asks the outside. */
export interface TrainerHooks {
  progress(at: TrainerProgress): void;
  /** A line for the log. */
  log(line: string): Promise<void>;
  interrupted(): boolean;
}

/** Seconds between two looks at the loss ring: each waits for the device. */
const LOOK_SECONDS = 1;

/** The training loop of METHOD 4: epochs of optimizer steps, an evaluation after each, the best one kept. */
export class Trainer {
  private bestWeights: Map<Parameter, Float32Array> | undefined;

  constructor(
    private readonly session: Session,
    private readonly data: TrainerData,
    private readonly files: RunFiles,
    private readonly events: EventWriter,
    private readonly options: TrainerOptions,
    private readonly hooks: TrainerHooks,
    private state: RunState,
    private log = new EpochLog(),
  ) {}

  /** Trains up to the last epoch. @returns false when it was interrupted (and, with saveModel, saved) */
  async run(): Promise<boolean> {
    if (this.state.epoch <= this.options.epochs && this.state.step === 0 && this.state.epoch === 1)
      await this.save('last');
    while (this.state.epoch <= this.options.epochs) {
      if (!(await this.epoch())) {
        await this.save('last');
        return false;
      }
    }
    return true;
  }

  /** Puts the best epoch's weights back if they were kept in memory, because none may be written. @returns whether they were */
  restoreBest(): boolean {
    if (this.bestWeights) restoreWeights(this.session, this.bestWeights);
    return this.bestWeights !== undefined;
  }

  private async epoch(): Promise<boolean> {
    const { session, data } = this;
    if (this.state.step === 0) {
      session.clearMoments();
      this.log = new EpochLog();
    }
    if (!(await this.steps())) return false;
    const training = scoreMetrics(scoresOf(this.trainingLogits), this.log.labels);
    const evaluation = await evaluate(session, data.selecting, data.decoder, this.options.testBs, {
      interrupted: () => this.hooks.interrupted(),
      progress: (images, step, steps) => this.saw('evaluate', images, step, steps),
    });
    if (!evaluation) {
      // The evaluation wrote over the epoch's scores: put them back before the checkpoint that holds them.
      session.runtime.write('scores', this.trainingLogits);
      return false;
    }
    await this.finishEpoch(training, evaluation);
    return true;
  }

  /** Logits of the epoch's training steps: an evaluation uses the same buffer. */
  private trainingLogits: Float32Array = new Float32Array(0);

  /** Optimizer steps from where the state stands to the end of the epoch. @returns false when interrupted */
  private async steps(): Promise<boolean> {
    const { session, data, options } = this;
    const { seed, bs, alpha } = options;
    const { steps } = epochPlan(data.training.length, bs);
    const { epoch } = this.state;
    let looked = performance.now();
    const batches = epochBatches(data.training, data.decoder, {
      seed,
      epoch,
      bs,
      alpha,
      firstStep: this.state.step,
    });
    for await (const batch of batches) {
      if (this.hooks.interrupted()) return false;
      const { step, baseLr } = this.state;
      await session.train(batch, {
        seed,
        epoch,
        step,
        lr: cosineLr(baseLr, step),
        taskLr: cosineLr(options.taskLr, step),
        adamSteps: step + 1,
        slot: step % RING,
        scoreRow: this.log.labels.length,
      });
      for (const label of batch.labels) this.log.labels.push(label);
      this.state = { ...this.state, step: step + 1, batchesTracked: this.state.batchesTracked + 1 };
      const save = options.saveEvery > 0 && (step + 1) % options.saveEvery === 0 && step + 1 < steps;
      const unread = step + 1 - this.log.steps;
      if (save || unread >= RING / 2 || performance.now() - looked > 1000 * LOOK_SECONDS) {
        await this.look();
        looked = performance.now();
      }
      this.saw('train', batch.labels.length, step + 1, steps);
      if (save) await this.save('last');
    }
    await this.look();
    this.trainingLogits = await session.scores(this.log.labels.length);
    return !this.hooks.interrupted();
  }

  /** Reads the losses of the steps since the last look. @throws UserError when one was not finite */
  private async look(): Promise<void> {
    await this.session.idle();
    const first = this.log.steps % RING;
    const count = this.state.step - this.log.steps;
    const wrapped = Math.max(0, first + count - RING);
    const rows = [
      ...(await this.session.losses(first, count - wrapped)),
      ...(await this.session.losses(0, wrapped)),
    ];
    for (const losses of rows) {
      if (!Number.isFinite(losses.total))
        throw new UserError(notFinite({ epoch: this.state.epoch, step: this.log.steps + 1 }));
      this.log.add(losses);
    }
  }

  private saw(phase: string, images: number, step: number, steps: number): void {
    this.state = { ...this.state, imagesSeen: this.state.imagesSeen + images };
    const losses = phase === 'train' && this.log.last ? this.log.last : {};
    this.hooks.progress({
      phase,
      epoch: this.state.epoch,
      step,
      steps,
      images: this.state.imagesSeen,
      losses,
    });
  }

  private async finishEpoch(training: ScoreMetrics, evaluation: Evaluation): Promise<void> {
    const { epoch, bestAuc, baseLr, history } = this.state;
    const { auc } = evaluation.metrics;
    if (auc === null)
      throw new UserError(
        `${this.data.selecting.name}: all faces that could be read are of one class, so no AUC picks the best epoch; clew data check tells what is wrong with the others`,
      );
    const isBest = bestAuc === null || auc > bestAuc;
    const next = nextBaseLr({ lr: baseLr, history }, evaluation.losses.total);
    const losses = this.log.means();
    const line = epochLine({
      epoch,
      lr: baseLr,
      training,
      losses,
      evaluation,
      taskWeights: this.log.taskWeights,
      isBest,
    });
    await this.files.addEpoch(line);
    await writeEvents(this.events, line);
    await this.hooks.log(
      `epoch ${epoch}/${this.options.epochs}  loss ${losses.total.toFixed(4)}  evaluation loss ${evaluation.losses.total.toFixed(4)}` +
        `  AUC ${auc.toFixed(4)}  accuracy ${evaluation.metrics.accuracy.toFixed(2)} %${isBest ? '  best so far' : ''}`,
    );
    this.state = {
      ...this.state,
      epoch: epoch + 1,
      step: 0,
      baseLr: next.lr,
      history: next.history,
      bestAuc: isBest ? auc : bestAuc,
    };
    if (next.lr !== baseLr) await this.hooks.log(`learning rate halved to ${next.lr}`);
    if (isBest) await this.save('best');
    if (epoch % 10 === 0) await this.save(epoch);
    await this.save('last');
  }

  private async save(which: 'best' | 'last' | number): Promise<void> {
    const { session, state, log, options } = this;
    if (options.saveModel) {
      if (state.step > 0) await this.look();
      await saveCheckpoint(this.files.checkpoint(which), session, { state, log, about: options.about });
    } else if (which === 'best') this.bestWeights = await copyWeights(session);
  }
}
