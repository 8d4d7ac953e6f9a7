import { type TuneMode, tune } from '../engine/tuner.js';
import { UsageError } from '../errors.js';
import { type OpenRuntime, openRuntime } from '../platform/node/runtime.js';
import { tunerCache } from '../platform/node/tuner-cache.js';
import { Checkpoint } from '../train/checkpoint.js';
import type { ProgramConfig } from '../train/programs.js';
import { Session } from '../train/session.js';
import type { SessionSizes } from '../train/slices.js';
import type { Config } from './config.js';
import type { FlagName } from './flags.js';
import type { Arithmetic } from './program-config.js';

/** What a checkpoint of ours tells of the run that wrote it. */
export interface About {
  readonly version: string;
  readonly adapter: string;
  readonly flags: Partial<Config>;
  /** Variant that computed each call: a resumed run computes with the same. */
  readonly variants: Readonly<Record<string, string>>;
}

/** Flags that make a network what it is: a checkpoint fixes them. */
export const ARCHITECTURE = [
  'model',
  'num_LIBs',
  'size',
  'channel_order',
] as const satisfies readonly FlagName[];

/** Flags that decide what a run computes: a resumed run keeps them, or it would not end where the uncut one does. */
export const IDENTITY = [
  ...ARCHITECTURE,
  'lil_loss',
  'gil_loss',
  'temperature',
  'mi_calculator',
  'balance_loss_method',
  'scales',
  'bs',
  'micro_bs',
  'lr',
  'weight_decay',
  'optimizer',
  'momentum',
  'nesterov',
  'mixup',
  'alpha',
  'select',
  'seed',
  'dataset',
  'augment',
  'test_bs',
  'fast_math',
  'precision',
] as const satisfies readonly FlagName[];

export function aboutOf(checkpoint: Checkpoint): About | undefined {
  const side = checkpoint.side as Partial<About> | undefined;
  return side?.flags && side.variants ? (side as About) : undefined;
}

/**
 * The flags of a command with those of a checkpoint in their place.
 * @throws UsageError when one stands on the command line with another value
 */
export function adopt<C extends Partial<Config>>(
  config: C,
  given: ReadonlySet<FlagName>,
  path: string,
  flags: Partial<Config>,
  names: readonly (FlagName & keyof Config)[],
): C {
  const adopted: Record<string, unknown> = { ...config };
  for (const name of names) {
    if (!(name in config)) continue;
    const [here, there] = [JSON.stringify(config[name as keyof C]), JSON.stringify(flags[name])];
    if (given.has(name) && here !== there)
      throw new UsageError(
        `--${name} ${here}: ${path} was made with${there === undefined ? 'out it' : ` ${there}`}; leave the flag out, or start a new run`,
      );
    if (name in flags) adopted[name] = flags[name];
  }
  return adopted as C;
}

export interface Detector extends OpenRuntime {
  readonly session: Session;
  readonly variants: Readonly<Record<string, string>>;
}

export interface DetectorOptions {
  readonly tune: TuneMode;
  readonly arithmetic: Arithmetic;
  /** How the run that is resumed computed: it goes on so, whatever a tuner would say. */
  readonly variants?: Readonly<Record<string, string>>;
  readonly progress?: (stage: string, done: number, total: number) => void;
}

/** Opens an adapter and compiles a network on it. */
export async function openDetector(
  adapter: string | undefined,
  program: ProgramConfig,
  sizes: (opened: OpenRuntime) => SessionSizes,
  { tune: mode, arithmetic, variants, progress }: DetectorOptions,
): Promise<Detector> {
  const opened = await openRuntime(adapter, arithmetic);
  try {
    const { runtime, name } = opened;
    const session = await Session.create(runtime, program, sizes(opened), {
      choose: async (sources) =>
        variants
          ? (key) => variants[key]
          : tune(runtime, sources, {
              mode: opened.device ? mode : 'off',
              cache: tunerCache(name),
              progress: (done, total) => progress?.('tuning', done, total),
            }),
      progress: (done, total) => progress?.('compiling', done, total),
    });
    return { ...opened, session, variants: session.variants() };
  } catch (error) {
    await opened.runtime.close();
    throw error;
  }
}

/** Opens a checkpoint, uses it, closes it. */
export async function withCheckpoint<T>(
  path: string,
  use: (checkpoint: Checkpoint) => Promise<T>,
): Promise<T> {
  const checkpoint = await Checkpoint.open(path);
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}
