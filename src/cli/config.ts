/** The typed configuration of a command, parsed from the texts of its flags. */
import { UsageError } from '../errors.js';
import { type CommandLine, suggestion } from './command-line.js';
import {
  type CommandName,
  type Flag,
  type FlagName,
  type FlagTable,
  flagNames,
  flags,
  flagsOf,
} from './flags.js';
import { lossTerms } from './values.js';

type ValueOf<F> = F extends { repeatable: true; parse: (text: string) => infer T }
  ? T[]
  : F extends { standard: string; parse: (text: string) => infer T }
    ? T
    : F extends { parse: (text: string) => infer T }
      ? T | undefined
      : never;

/** Every flag's value as its text says it. */
type Values = { -readonly [K in FlagName]: ValueOf<FlagTable[K]> };

/** Every flag's value under the flag's name; `scales` is resolved to one weight for each loss term that is on, in order. */
export type Config = Readonly<Omit<Values, 'scales'> & { scales: number[] }>;

/** The flags of one command. */
export type ConfigOf<C extends CommandName> = Pick<Config, (typeof flagsOf)[C][number]>;
export type TrainConfig = ConfigOf<'train'>;
export type TestConfig = ConfigOf<'test'>;
export type PlanConfig = ConfigOf<'plan'>;

/** What a command is told besides its configuration. */
export interface Call {
  /** Words that are no flags, without the command's name. */
  readonly words: readonly string[];
  /** Flags that stand on the command line; the others have their defaults. */
  readonly given: ReadonlySet<FlagName>;
  /** Combinations that run but may not be meant; already shown to the user. */
  readonly warnings: readonly string[];
}

/** What parsing needs to know of a command. */
export interface Grammar {
  readonly name: CommandName;
  readonly flags: readonly FlagName[];
  /** Defaults that differ from the table's. */
  readonly defaults?: Partial<Record<FlagName, string>>;
}

export interface Parsed {
  readonly config: Partial<Config>;
  readonly given: ReadonlySet<FlagName>;
  readonly warnings: readonly string[];
}

/**
 * Parses and checks the flags of a command.
 * @param tolerated flags that are checked and then left out: a command line of the reference names them in every mode
 * @throws UsageError for an unknown flag, a wrong value or flags that contradict each other
 */
export function parseConfig(
  grammar: Grammar,
  line: CommandLine,
  tolerated: readonly FlagName[] = [],
): Parsed {
  refuseUnknown(grammar, line, tolerated);
  const given = new Set(flagNames.filter((name) => line.texts.has(name)));
  const values = Object.fromEntries(
    flagNames.map((name) => [name, readFlag(name, line.texts.get(name) ?? [], grammar.defaults?.[name])]),
  ) as Values;
  const config = checked(grammar, values, given);
  const own = Object.entries(config).filter(([name]) => grammar.flags.includes(name as FlagName));
  const warnings = warningsOf(grammar, config, given);
  return { config: Object.fromEntries(own), given, warnings };
}

function refuseUnknown(
  { name: command, flags: own }: Grammar,
  line: CommandLine,
  tolerated: readonly FlagName[],
) {
  const known = new Set<string>([...own, ...tolerated, 'help', 'version']);
  for (const name of line.texts.keys()) {
    if (known.has(name)) continue;
    const dashed = name.length > 1 ? `--${name}` : `-${name}`;
    const homes = Object.entries(flagsOf).filter(([, list]) => (list as readonly string[]).includes(name));
    if (homes.length > 0)
      throw new UsageError(
        `${dashed}: not a flag of clew ${command}, but of ${homes.map(([home]) => home).join(', ')}`,
      );
    const hint = suggestion(name, own, '--') || `; clew ${command} --help lists the flags`;
    throw new UsageError(`${dashed}: unknown flag${hint}`);
  }
}

function readFlag(name: FlagName, texts: readonly string[], standard?: string): unknown {
  const flag: Flag<unknown> = flags[name];
  if (flag.repeatable) return texts.map((text) => parseText(name, text));
  if (texts.length > 1)
    throw new UsageError(`--${name}: given ${texts.length} times (${texts.join(', ')}); give it once`);
  const text = texts[0] ?? standard ?? flag.standard;
  return text === undefined ? undefined : parseText(name, text);
}

function parseText(name: FlagName, text: string): unknown {
  try {
    return flags[name].parse(text.trim());
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${`--${name} ${text}`.trim()}: ${error.message}`);
    throw error;
  }
}

/** Largest batch of the Sinkhorn kernels. */
const maxSinkhornBatch = 4096;

/** Resolves the values that hang on others and refuses contradictions. */
function checked({ name: command }: Grammar, values: Values, given: ReadonlySet<FlagName>): Config {
  const { model, size, bs, micro_bs, optimizer, momentum } = values;
  const fail = (message: string): never => {
    throw new UsageError(message);
  };
  const trains = command === 'train' || command === 'plan';
  const isTiny = model === 'tiny';
  if (isTiny && given.has('size') && (size < 32 || size > 96))
    fail(`--size ${size}: --model tiny wants a size from 32 to 96`);
  if ((trains || command === 'bench') && bs < 2)
    fail(`--bs ${bs}: training wants at least 2, batch norm has no variance over one image`);
  if (micro_bs !== undefined && micro_bs > bs) fail(`--micro_bs ${micro_bs}: wants at most --bs ${bs}`);
  if (optimizer === 'sgd' && values.nesterov && momentum === 0)
    fail('--nesterov True: wants --momentum above 0');
  if (values.mi_calculator !== 'kl' && (values.lil_loss || values.gil_loss))
    for (const flag of trains ? (['bs', 'test_bs'] as const) : (['test_bs'] as const))
      if (values[flag] > maxSinkhornBatch)
        fail(
          `--${flag} ${values[flag]}: --mi_calculator ${values.mi_calculator} wants at most ${maxSinkhornBatch}`,
        );
  if (command === 'train' && values.dataset.length > 1)
    fail(`--dataset ${values.dataset.join(',')}: training takes one data set; clew test takes several`);
  if (command === 'test' && values.resume_model === undefined)
    fail('--resume_model: testing wants the checkpoint to test');
  if (values.images !== undefined && given.has('dataset'))
    fail('--images and --dataset: give one of them, a folder of images or a data set');
  return { ...values, size: isTiny && !given.has('size') ? 64 : size, scales: resolveScales(values) };
}

/** One weight for each loss term that is on. By place they are taken from the front, as the reference does. */
function resolveScales({ scales, gil_loss, lil_loss, balance_loss_method }: Values): number[] {
  const terms = lossTerms.filter((term) => term === 'ce' || (term === 'gil' ? gil_loss : lil_loss));
  const weights = terms.map((term, place) => (Array.isArray(scales) ? scales[place] : scales[term]));
  const lacking = terms.filter((_, place) => weights[place] === undefined);
  if (lacking.length > 0 && balance_loss_method === 'hyper')
    throw new UsageError(`--scales: lacks a weight for ${lacking.join(' and ')}; wants ${terms.join(', ')}`);
  return weights.map((weight) => weight ?? 1);
}

function warningsOf(grammar: Grammar, config: Config, given: ReadonlySet<FlagName>): string[] {
  const { model, optimizer, mixup, lil_loss, gil_loss, balance_loss_method: balance, gpu_num } = config;
  const trains = grammar.name === 'train';
  const idle = (flag: FlagName, when: boolean, because: string): [FlagName, boolean, string] => [
    flag,
    when && given.has(flag),
    `--${flag} has no effect with ${because}`,
  ];
  const rules: [flag: FlagName, when: boolean, text: string][] = [
    [
      'lil_loss',
      lil_loss && !gil_loss,
      '--lil_loss without --gil_loss: its teacher, baseline_linear, is never trained',
    ],
    [
      'gpu_num',
      gpu_num.length > 1,
      `--gpu_num ${gpu_num.join(',')}: this version uses one GPU, the first adapter`,
    ],
    [
      'pretrained',
      trains && model.startsWith('resnet') && !config.pretrained && !config.resume_model,
      `--model ${model} starts from scratch; published results start from ImageNet weights (--pretrained FILE)`,
    ],
    ['save_model', !config.save_model, '--save_model False: no weights are written, so Ctrl-C loses the run'],
    idle('momentum', optimizer === 'adam', '--optimizer adam'),
    idle('nesterov', optimizer === 'adam', '--optimizer adam'),
    idle('alpha', !mixup, '--mixup False'),
    idle('allow_partial', !config.pretrained, 'no --pretrained'),
    idle('scales', balance !== 'hyper', `--balance_loss_method ${balance}`),
    idle('temperature', !lil_loss && !gil_loss, 'both --lil_loss and --gil_loss off'),
    idle('mi_calculator', !lil_loss && !gil_loss, 'both --lil_loss and --gil_loss off'),
    idle('save_every', !config.save_model, '--save_model False'),
  ];
  return rules.filter(([flag, when]) => when && grammar.flags.includes(flag)).map(([, , text]) => text);
}
