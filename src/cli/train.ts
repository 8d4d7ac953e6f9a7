import { join } from 'node:path';
import { epochPlan } from '../data/batches.js';
import type { Decoder } from '../data/decoder.js';
import { evaluationSamples, trainingSamples } from '../data/lists.js';
import type { SampleList } from '../data/samples.js';
import { messageOf } from '../errors.js';
import { EventWriter, removeEvents } from '../io/tensorboard.js';
import { quoted } from '../quoted.js';
import { type ScoredFrame, spread, writeContactSheet } from '../report/contact-sheet.js';
import { Checkpoint } from '../train/checkpoint.js';
import type { Evaluation } from '../train/evaluation.js';
import { RunFiles } from '../train/run-files.js';
import type { Session } from '../train/session.js';
import { foreignState, loadWeights } from '../train/snapshot.js';
import type { RunState } from '../train/state.js';
import { Trainer, type TrainerHooks } from '../train/trainer.js';
import { readAugmentation } from './augmentation.js';
import type { Call, TrainConfig } from './config.js';
import { memoryBudget, openDataset, openDecoder, refuseOneClass } from './datasets.js';
import {
  type About,
  aboutOf,
  adopt,
  type Detector,
  IDENTITY,
  openDetector,
  withCheckpoint,
} from './detector.js';
import type { FlagName } from './flags.js';
import { version } from './program.js';
import { arithmeticOf, programConfig } from './program-config.js';
import { duration, ProgressDisplay } from './progress.js';
import { resultsTable, type TestResult } from './results.js';
import { testSplit } from './scoring.js';
import { type Interruption, watchInterrupt } from './signals.js';
import { startingPoint } from './starting-point.js';

/** Test faces for the contact sheet: as many reals as fakes, of many videos. */
function sheetOf(samples: SampleList, { scores, samples: seen }: Evaluation): ScoredFrame[] {
  const frames = seen.map((index, row) => ({ ...samples.at(index), score: scores[row]! }));
  return ([0, 1] as const).flatMap((wanted) =>
    spread(
      frames.filter(({ label }) => label === wanted),
      16,
    ),
  );
}

/** The w_k start from this rate in every epoch; it is never halved (METHOD 4). */
const TASK_LR = 1e-3;

/** `clew train`: a run from its lists to the test of its best epoch. */
export async function run(flags: TrainConfig, call: Call): Promise<number> {
  // The steps of a file, not its name, are what a resumed run must share.
  const asked = { ...flags, augment: readAugmentation(flags.augment) };
  const path = asked.resume_model;
  const resumed = path === undefined ? undefined : await Checkpoint.open(path);
  try {
    const about = resumed && aboutOf(resumed);
    const config = about
      ? adopt(asked, call.given, path!, about.flags, resumedFlags(call, about))
      : { ...asked, epoch: asked.epoch + (resumed ? (await foreignState(resumed)).epoch : 0) };
    return await new Run(config, call, resumed, about).go();
  } finally {
    await resumed?.close();
  }
}

/** What a resumed run takes over: what makes it the same run, and all else (its folder, --epoch, ...) that is not given anew. */
const resumedFlags = ({ given }: Call, { flags }: About): FlagName[] => [
  ...IDENTITY,
  ...(Object.keys(flags) as FlagName[]).filter((name) => !given.has(name) && !OF_THIS_CALL.has(name)),
];
const OF_THIS_CALL = new Set<FlagName>([
  'resume_model',
  'overwrite',
  'pretrained',
  'allow_partial',
  'adapter',
  'gpu_num',
  'test',
]);

interface Data {
  readonly training: SampleList;
  readonly selecting: SampleList;
  readonly test: SampleList;
  readonly decoder: Decoder;
}

class Run {
  private readonly display = new ProgressDisplay();
  private files!: RunFiles;

  constructor(
    private readonly config: TrainConfig,
    private readonly call: Call,
    private readonly resumed: Checkpoint | undefined,
    private readonly about: About | undefined,
  ) {}

  async go(): Promise<number> {
    const { save_path: savePath, name, overwrite } = this.config;
    const start = performance.now();
    const resume = this.about && this.resumed?.path;
    this.files = await RunFiles.open({ savePath, name, resume, overwrite });
    let data: Data | undefined;
    let detector: Detector | undefined;
    try {
      for (const warning of this.call.warnings) await this.files.log(`note: ${warning}`);
      data = await this.openData();
      detector = await this.openDetector(data);
      return await this.train(data, detector, start);
    } catch (error) {
      await this.files.log(`stopped: ${messageOf(error)}`).catch(() => {}); // the disk may be what failed
      throw error;
    } finally {
      this.display.stop();
      await data?.decoder.close();
      await detector?.runtime.close();
    }
  }

  private async openData(): Promise<Data> {
    const { config } = this;
    const name = config.dataset[0]!;
    // Nobody waits for these lines: where train.log cannot be written, the next one that is waited for ends the run.
    const notify = (line: string): void => void this.tell(line).catch(() => {});
    const split = await openDataset(name, config, notify);
    const training = trainingSamples(split('train')!);
    const validation = config.select === 'val' ? split('val') : undefined;
    if (config.select === 'val' && !validation)
      await this.tell(`${name} has no val list: the test split picks the best epoch`);
    const test = evaluationSamples(split('test')!);
    const selecting = validation ? evaluationSamples(validation) : test;
    refuseOneClass(selecting);
    await this.tell(
      `${name}: ${training.length} training images, ${selecting.length} to pick the best epoch, ${test.length} to test`,
    );
    const augmentation = readAugmentation(config.augment);
    const decoder = await openDecoder(config, [training, selecting, test], notify, augmentation);
    return { training, selecting, test, decoder };
  }

  private async openDetector({ training, selecting, test }: Data): Promise<Detector> {
    const { config, about } = this;
    const { tail, dropped, steps } = epochPlan(training.length, config.bs);
    if (dropped)
      await this.tell('the last batch of an epoch would be one image, which has no variance: it is left out');
    const hasWhole = steps > (tail > 0 ? 1 : 0);
    const largest = Math.max(selecting.length, test.length);
    const detector = await openDetector(
      config.adapter,
      programConfig(config),
      ({ runtime }) => ({
        batches: [...(hasWhole ? [config.bs] : []), ...(tail > 0 ? [tail] : [])],
        ...(config.micro_bs === undefined ? {} : { slice: config.micro_bs }),
        evaluationBatch: Math.min(config.test_bs, largest),
        samples: Math.max(training.length, largest),
        budget: memoryBudget(runtime.capabilities.software),
      }),
      {
        tune: config.tune,
        arithmetic: arithmeticOf(config),
        ...(about ? { variants: about.variants } : {}),
        progress: (stage, done, total) => this.display.stage(stage, done, total),
      },
    );
    await this.tell(
      `adapter: ${detector.name}; the first step takes longer: the driver generates its code then`,
    );
    return detector;
  }

  private async train(data: Data, detector: Detector, start: number): Promise<number> {
    const { config, files } = this;
    const { session, name: adapter, variants } = detector;
    const about: About = { version: version(), adapter, flags: config, variants };
    this.display.stage('preparing weights', 0, 1); // drawn, or read, and saved: seconds, with many of them
    const tell = (line: string): Promise<void> => this.tell(line);
    const { resumed, about: source } = this;
    const { state, log } = await startingPoint(detector, files, { config, resumed, about: source, tell });
    await files.writeConfig(about);
    const eventFolder = join('runs', config.name);
    if (config.overwrite && !this.about) await removeEvents(eventFolder);
    const events = new EventWriter(eventFolder, this.about ? { resumeAt: state.epoch } : {});
    await events.flush(); // where they cannot be written is known before an epoch is trained
    const watch = this.watch();
    try {
      const options = this.trainerOptions(about);
      const trainer = new Trainer(
        session,
        data,
        files,
        events,
        options,
        this.hooks(data, state, watch),
        state,
        log,
      );
      if (!(await trainer.run())) return await this.interrupted(watch);
      const results = await this.test(data, session, trainer, watch);
      if (!results) return await this.interrupted(watch);
      this.display.stop();
      process.stdout.write(`\n${resultsTable(results)}\n\n`);
      await this.tell(
        `wrote ${files.folder} and ${eventFolder} in ${duration((performance.now() - start) / 1000)}`,
      );
      return 0;
    } finally {
      watch.dispose();
      await events.close();
    }
  }

  private trainerOptions(about: About) {
    const { epoch, bs, test_bs, seed, mixup, alpha, save_every, save_model } = this.config;
    return {
      epochs: epoch,
      bs,
      testBs: test_bs,
      seed,
      alpha: mixup ? alpha : undefined,
      saveEvery: save_every,
      saveModel: save_model,
      taskLr: TASK_LR,
      about: { ...about },
    };
  }

  private hooks({ training, selecting }: Data, state: RunState, watch: Interruption): TrainerHooks {
    const { epoch: epochs } = this.config;
    const before = state.imagesSeen === 0 ? state.epoch - 1 : 0; // epochs of another program
    const totalImages = (epochs - before) * (training.length + selecting.length);
    return {
      progress: (at) => this.display.update({ ...at, epochs, totalImages, losses: { ...at.losses } }),
      log: (line) => this.tell(line),
      interrupted: () => watch.requested,
    };
  }

  private watch(): Interruption {
    const saves = this.config.save_model;
    return watchInterrupt(() => this.display.log(saves ? 'saving (Ctrl-C again kills) ...' : 'stopping ...'));
  }

  private async interrupted({ exitCode }: Interruption): Promise<number> {
    const { config, files } = this;
    const adapter = config.adapter === undefined ? '' : ` --adapter ${quoted(config.adapter)}`;
    const goOn = `go on with: clew train --resume_model ${quoted(files.checkpoint('last'))} --epoch ${config.epoch}${adapter}`;
    await this.tell(
      config.save_model ? `interrupted; ${goOn}` : 'interrupted; nothing was saved (--save_model False)',
    );
    return exitCode;
  }

  /** METHOD 4: after the last epoch model_best is loaded and tested. @returns undefined when it was interrupted */
  private async test(
    data: Data,
    session: Session,
    trainer: Trainer,
    watch: Interruption,
  ): Promise<TestResult[] | undefined> {
    const { config, files } = this;
    if (!trainer.restoreBest())
      await withCheckpoint(files.checkpoint('best'), (best) => loadWeights(best, session));
    const name = config.dataset[0]!;
    const stopped = (): boolean => watch.requested;
    const { test, decoder } = data;
    const tested = await testSplit(session, name, test, decoder, config.test_bs, this.display, stopped);
    if (!tested) return undefined;
    const { results, evaluation } = tested;
    await writeContactSheet(join(files.folder, 'test_faces.png'), sheetOf(data.test, evaluation));
    for (const { name, metrics } of results) {
      const { auc, accuracy, video } = metrics;
      await files.log(
        `test ${name}: AUC ${auc?.toFixed(4) ?? '-'}  accuracy ${accuracy.toFixed(2)} %  video AUC ${video.auc?.toFixed(4) ?? '-'}`,
      );
    }
    return results;
  }

  /** A line for the user and for train.log. */
  private async tell(line: string): Promise<void> {
    this.display.log(line);
    await this.files.log(line);
  }
}
