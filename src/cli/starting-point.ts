import { initialise } from '../model/initialise.js';
import type { Checkpoint } from '../train/checkpoint.js';
import { EpochLog } from '../train/epoch-log.js';
import { loadPretrained } from '../train/pretrained.js';
import type { RunFiles } from '../train/run-files.js';
import type { Session } from '../train/session.js';
import { foreignState, loadWeights, restoreRun } from '../train/snapshot.js';
import { initialState, type RunState } from '../train/state.js';
import type { TrainConfig } from './config.js';
import type { About, Detector } from './detector.js';

/** What a training run was asked to start from. */
export interface Origin {
  readonly config: TrainConfig;
  /** --resume_model, opened. */
  readonly resumed: Checkpoint | undefined;
  /** What that tells of its run, if it is one of ours. */
  readonly about: About | undefined;
  /** A line for the user and for train.log. */
  readonly tell: (line: string) => Promise<void>;
}

export interface StartingPoint {
  readonly state: RunState;
  readonly log: EpochLog;
}

/**
 * Weights and state to start from: of the run that goes on, of a foreign file, pretrained, or drawn. When they are on the device, the
 * run's folder begins.
 */
export async function startingPoint(
  { session, name: adapter }: Detector,
  files: RunFiles,
  origin: Origin,
): Promise<StartingPoint> {
  const { about, resumed } = origin;
  if (resumed && about) return goOn(session, files, { ...origin, resumed, about, adapter });
  const start = await begin(session, origin);
  await files.begin();
  return start;
}

async function goOn(
  session: Session,
  files: RunFiles,
  { resumed, about, adapter, tell }: Origin & { resumed: Checkpoint; about: About; adapter: string },
): Promise<StartingPoint> {
  const { state, log } = await restoreRun(resumed, session);
  await files.begin();
  await files.dropEpochsFrom(state.epoch);
  await tell(`going on at epoch ${state.epoch}, step ${state.step}`);
  if (about.adapter !== adapter)
    await tell(`note: up to here it ran on ${about.adapter}, which rounds otherwise than ${adapter}`);
  if (state.bestAuc === null || (await files.hasBest())) return { state, log };
  await tell(`${files.checkpoint('best')}: not there any more; the best epoch is picked from those to come`);
  return { state: { ...state, bestAuc: null }, log };
}

async function begin(session: Session, { config, resumed, tell }: Origin): Promise<StartingPoint> {
  await initialise(session.runtime, session.table, config.seed);
  const log = new EpochLog();
  if (resumed) return { state: await behindForeign(resumed, session, config, tell), log };
  if (config.pretrained !== undefined) await fillLibs(config.pretrained, session, config, tell);
  return { state: initialState(config.lr), log };
}

/** A weights-only file, the reference's {state_dict, epoch}: its weights, and the epoch behind its own. */
async function behindForeign(
  resumed: Checkpoint,
  session: Session,
  { epoch, lr }: TrainConfig,
  tell: Origin['tell'],
): Promise<RunState> {
  await loadWeights(resumed, session);
  const behind = await foreignState(resumed);
  await tell(
    `${resumed.path}: weights only, so the optimizer starts anew, at epoch ${behind.epoch + 1} of ${epoch}`,
  );
  return initialState(lr, behind);
}

async function fillLibs(
  path: string,
  session: Session,
  { allow_partial: allowPartial, num_LIBs: libs }: TrainConfig,
  tell: Origin['tell'],
): Promise<void> {
  const { dialect, loaded, missing, unused } = await loadPretrained(path, session, allowPartial);
  await tell(`${path}: ${loaded} tensors, ${dialect} names, into each of ${libs} LIBs`);
  if (missing.length > 0) await tell(`missing, so drawn: ${missing.join(', ')}`);
  if (unused.length > 0) await tell(`not used: ${unused.join(', ')}`);
}
