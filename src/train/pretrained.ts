import { messageOf, UserError } from '../errors.js';
import { type Dialect, dialectOf } from '../model/pretrained-names.js';
import { type StateEntry, stateEntries, writeEntries } from '../model/state-dict.js';
import { Checkpoint } from './checkpoint.js';
import type { Session } from './session.js';

/** What of a file went into every LIB. */
export interface PretrainedReport {
  /** Who names tensors as the file does. */
  readonly dialect: string;
  /** Tensors of a LIB that the file filled, and those that keep their drawn values. */
  readonly loaded: number;
  readonly missing: readonly string[];
  /** Tensors of the file that are no part of the backbone. */
  readonly unused: readonly string[];
}

/** The ImageNet classifier is of no use to a detector; where our state dict carries it along, a file may lack it. */
const isClassifier = (name: string): boolean => /^(_?fc|classifier|output)\./.test(name);
const isCounter = (name: string): boolean => name.endsWith('.num_batches_tracked');
const localName = ({ name }: Pick<StateEntry, 'name'>): string => name.replace(/^region_model\d+\./, '');

/**
 * Backbone weights of any weights file, under any of the names that are known for the backbone, into every LIB: all LIBs start identical,
 * heads and dropout separate them.
 * @param allowPartial load what fits instead of refusing a file that does not fit whole
 * @throws UserError that lists every tensor of the backbone without a match, and every one of the file but the classifier's
 */
export async function loadPretrained(
  path: string,
  { runtime, table, config }: Session,
  allowPartial = false,
): Promise<PretrainedReport> {
  const checkpoint = await Checkpoint.open(path).catch((cause: unknown) => {
    throw new UserError(`--pretrained ${messageOf(cause)}`, 1, { cause });
  });
  try {
    const bank = table.list().filter(({ libs }) => libs !== undefined);
    const shapes = new Map(
      bank.flatMap((parameter) => stateEntries(parameter).map((entry) => [localName(entry), entry.shape])),
    );
    const dialect = dialectOf(config.net.model, checkpoint.tensors.keys(), new Set(shapes.keys()));
    const { sources, missing, unused } = matched(checkpoint, dialect, shapes);
    if (sources.size === 0 || (missing.length + unused.length > 0 && !allowPartial))
      throw new UserError(
        `--pretrained ${path}: not all the weights of --model ${config.net.model} (${dialect.name} names); missing: ${missing.join(', ') || 'none'}; unknown: ${unused.join(', ') || 'none'}${sources.size > 0 ? '; --allow_partial loads the rest' : ''}`,
      );
    for (const parameter of bank)
      if (sources.has(localName(stateEntries(parameter)[0]!)))
        await writeEntries(runtime, parameter.home, parameter, (entry) =>
          checkpoint.floats(sources.get(localName(entry))!),
        );
    return { dialect: dialect.name, loaded: sources.size, missing, unused };
  } finally {
    await checkpoint.close();
  }
}

/** Our names -> the file's, of those that fit; and what is left on both sides. */
function matched(
  { tensors }: Checkpoint,
  { rename }: Dialect,
  shapes: ReadonlyMap<string, readonly number[]>,
) {
  const sources = new Map<string, string>();
  const unused: string[] = [];
  for (const [name, { shape }] of tensors) {
    const ours = rename(name) ?? name;
    const wanted = shapes.get(ours);
    if (wanted && `${wanted}` === `${shape}`) sources.set(ours, name);
    else if (wanted && !isClassifier(ours)) unused.push(`${name} [${shape}]`);
    else if (!wanted && !isClassifier(ours) && !isCounter(name)) unused.push(name);
  }
  const missing = [...shapes].flatMap(([name, shape]) =>
    sources.has(name) || isClassifier(name) ? [] : [`${name} [${shape}]`],
  );
  return { sources, missing, unused };
}
