import { sizeOf } from '../engine/tensor.js';
import { UserError } from '../errors.js';
import type { SideData, TensorSource } from '../io/tensors.js';
import type { Parameter } from '../model/parameters.js';
import { batchCounters, readEntries, type StateEntry, stateDict, writeEntries } from '../model/state-dict.js';
import { type Checkpoint, writeCheckpoint } from './checkpoint.js';
import { EpochLog, LOSS_NAMES } from './epoch-log.js';
import type { Session } from './session.js';
import type { RunState } from './state.js';

/** Names of what a checkpoint holds besides the reference's state dict. */
const OURS = {
  moments: 'optimizer.',
  tasks: 'awl.params',
  losses: 'epoch.losses',
  taskWeights: 'epoch.task_weights',
  labels: 'epoch.labels',
  scores: 'epoch.scores',
};

/** Whether a tensor of a checkpoint of ours is state of the run, no part of the network. */
export const isRunState = (name: string): boolean =>
  name.startsWith(OURS.moments) || Object.values(OURS).includes(name);

export interface Snapshot {
  readonly state: RunState;
  /** The epoch's steps so far; needed in the middle of an epoch only. */
  readonly log: EpochLog;
  /** All that identifies the run: flags, version, adapter, variants. */
  readonly about: SideData;
}

/**
 * Writes the network, and all that the run's future depends on, as one file. In the middle of an epoch that includes the optimizer's
 * moments and the epoch's losses and scores; between epochs the optimizer starts anew (METHOD 4), so there is none of it.
 * @throws UserError when the loss was not finite: such weights are never written
 */
export async function saveCheckpoint(
  path: string,
  session: Session,
  { state, log, about }: Snapshot,
): Promise<void> {
  await session.idle();
  if (await session.poisoned()) throw new UserError(notFinite(state));
  const tensors: TensorSource[] = [
    ...weightSources(session),
    ...batchCounters(session.table).map((name) =>
      integers(name, [], BigInt64Array.of(BigInt(state.batchesTracked))),
    ),
  ];
  if (state.step > 0) tensors.push(...(await epochSources(session, log)));
  await writeCheckpoint(path, tensors, { ...about, state, taskWeights: await taskWeightValues(session) });
}

export const notFinite = ({ epoch, step }: Pick<RunState, 'epoch' | 'step'>): string =>
  `epoch ${epoch}, step ${step}: the loss is not finite; no weight was changed since. Lower --lr, and go on from the last checkpoint with --resume_model`;

/** The state dict, read from the device parameter by parameter while the file is written. */
function weightSources({ runtime, table }: Session): TensorSource[] {
  const cache = new Map<Parameter, Promise<Map<string, Float32Array>>>();
  const tensor = async ({ parameter, name }: StateEntry): Promise<Float32Array> => {
    let all = cache.get(parameter);
    if (!all) {
      cache.clear(); // entries of one parameter follow each other: one in memory at a time
      all = readEntries(runtime, parameter.home, parameter).then(
        (entries) => new Map(entries.map(({ entry, data }) => [entry.name, data])),
      );
      cache.set(parameter, all);
    }
    return (await all).get(name)!;
  };
  return stateDict(table).map((entry) => ({
    name: entry.name,
    dtype: 'F32',
    shape: entry.shape,
    data: () => tensor(entry),
  }));
}

const integers = (name: string, shape: readonly number[], data: BigInt64Array): TensorSource => ({
  name,
  dtype: 'I64',
  shape,
  data: () => data,
});

/** Moments of the optimizer, and what the epoch's steps have left behind. */
async function epochSources(session: Session, log: EpochLog): Promise<TensorSource[]> {
  const { runtime } = session;
  const moments = session.moments().map(
    ({ buffer, elements }): TensorSource => ({
      name: `${OURS.moments}${buffer}`,
      dtype: 'F32',
      shape: [elements],
      data: async () => Float32Array.from(await runtime.read(buffer, 0, elements)),
    }),
  );
  const scores = await session.scores(log.labels.length);
  return [
    ...moments,
    { name: OURS.losses, dtype: 'F64', shape: [log.steps, LOSS_NAMES.length], data: () => log.flat() },
    {
      name: OURS.taskWeights,
      dtype: 'F64',
      shape: [log.taskWeights.length],
      data: () => Float64Array.from(log.taskWeights),
    },
    { name: OURS.labels, dtype: 'U8', shape: [log.labels.length], data: () => Uint8Array.from(log.labels) },
    { name: OURS.scores, dtype: 'F32', shape: [log.labels.length, 2], data: () => scores },
  ];
}

async function taskWeightValues({ runtime, table }: Session): Promise<number[]> {
  const count = table.count('tasks');
  return count > 0 ? Array.from(await runtime.read('tasks', 0, count)) : [];
}

/** Puts a checkpoint of ours back: weights, w_k, and in the middle of an epoch the moments and the epoch's steps. */
export async function restoreRun(
  checkpoint: Checkpoint,
  session: Session,
): Promise<{ state: RunState; log: EpochLog }> {
  const side = checkpoint.side as { state?: RunState; taskWeights?: number[] } | undefined;
  const state = side?.state;
  if (!state) throw new UserError(`${checkpoint.path}: holds weights only, no run to go on from`);
  await loadWeights(checkpoint, session);
  if (side.taskWeights && side.taskWeights.length === session.table.count('tasks'))
    session.runtime.write('tasks', Float32Array.from(side.taskWeights));
  if (state.step === 0) return { state, log: new EpochLog() };
  for (const { buffer } of session.moments())
    session.runtime.write(buffer, await checkpoint.floats(`${OURS.moments}${buffer}`));
  const labels = await checkpoint.integers(OURS.labels);
  session.runtime.write('scores', await checkpoint.floats(OURS.scores));
  const floats = async (name: string): Promise<Iterable<number>> =>
    checkpoint.tensors.has(name) ? await checkpoint.floats(name) : [];
  const log = EpochLog.restore(await floats(OURS.losses), labels, await floats(OURS.taskWeights));
  return { state, log };
}

/** The network's weights from any file with the reference's names. @throws UserError that lists what is missing or misshapen */
export async function loadWeights(checkpoint: Checkpoint, { runtime, table }: Session): Promise<void> {
  const wrong = stateDict(table).flatMap(({ name, shape }) => {
    const stored = checkpoint.tensors.get(name);
    if (!stored) return [`${name} is missing`];
    return `${stored.shape}` === `${shape}` ? [] : [`${name} is [${stored.shape}], wants [${shape}]`];
  });
  if (wrong.length > 0)
    throw new UserError(
      `${checkpoint.path}: does not fit this network (--model, --num_LIBs): ${wrong.slice(0, 3).join('; ')}${wrong.length > 3 ? `; and ${wrong.length - 3} more` : ''}`,
    );
  for (const parameter of table.list())
    if (parameter.home !== 'tasks')
      await writeEntries(runtime, parameter.home, parameter, ({ name }) => checkpoint.floats(name));
}

/**
 * Where a weights-only file of another program left off: its epoch (0 where it names none), and its counter of optimizer steps.
 * METHOD 7: a run goes on behind it.
 */
export async function foreignState(
  checkpoint: Checkpoint,
): Promise<{ epoch: number; batchesTracked: number }> {
  const epoch = checkpoint.side?.epoch;
  const counter = [...checkpoint.tensors.keys()].find((name) => name.endsWith('.num_batches_tracked'));
  const [batchesTracked = 0] = counter === undefined ? [] : await checkpoint.integers(counter);
  return { epoch: Number.isSafeInteger(epoch) ? Math.max(0, epoch as number) : 0, batchesTracked };
}

/** Elements of all weights, for a copy in memory where none may be written. */
export async function copyWeights({ runtime, table }: Session): Promise<Map<Parameter, Float32Array>> {
  const copies = new Map<Parameter, Float32Array>();
  for (const parameter of table.list())
    copies.set(
      parameter,
      Float32Array.from(await runtime.read(parameter.home, parameter.offset, sizeOf(parameter.shape))),
    );
  return copies;
}

export function restoreWeights({ runtime }: Session, copies: ReadonlyMap<Parameter, Float32Array>): void {
  for (const [parameter, values] of copies) runtime.write(parameter.home, values, parameter.offset);
}
