import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { UsageError } from '../errors.js';
import { megabytes, type SideData, type StoredTensor, type WeightsFile } from '../io/tensors.js';
import { formatToWrite, openWeights, type WeightsContents, type WeightsFormat } from '../io/weights-file.js';
import { stateDictNames } from '../train/checkpoint.js';
import { isRunState } from '../train/snapshot.js';
import type { RunState } from '../train/state.js';
import type { Call, ConfigOf } from './config.js';
import { convertToOnnx } from './convert-onnx.js';
import { duration } from './progress.js';
import { table } from './table.js';

/** `clew convert IN OUT`: the tensors of one weights file in another format, one after the other through memory. */
export async function run(config: ConfigOf<'convert'>, { words, given }: Call): Promise<number> {
  const [from, to] = words;
  if (from === undefined || to === undefined)
    throw new UsageError(
      'convert: wants two files, IN and OUT, as in clew convert model.pth model.safetensors',
    );
  const onnx = extname(to).toLowerCase() === '.onnx';
  const format = onnx ? undefined : formatToWrite(to);
  if (!onnx && (config.fold || given.has('size')))
    throw new UsageError(`${config.fold ? '--fold' : '--size'}: goes with an OUT that ends in .onnx`);
  if (existsSync(to) && !config.overwrite)
    throw new UsageError(`${to}: is there already; choose another name, or replace it with --overwrite`);
  const start = performance.now();
  const file = await openWeights(from);
  try {
    const tensors = stateDictNames(file);
    if (format) await copy(file, tensors, to, format, start);
    else {
      const network = new Map([...tensors].filter(([name]) => !isRunState(name)));
      console.log(`${listing(network)}\n`);
      const size = given.has('size') ? config.size : undefined;
      console.log(await convertToOnnx(file, network, to, { size, fold: config.fold }));
    }
  } finally {
    await file.close();
  }
  return 0;
}

/** Tensors and side data in another weights format. */
async function copy(
  file: WeightsFile,
  tensors: ReadonlyMap<string, StoredTensor>,
  to: string,
  format: ReturnType<typeof formatToWrite>,
  start: number,
): Promise<void> {
  const { kept, side, notes } = selection(tensors, file.side, format);
  process.stdout.write(`${listing(kept)}\n\n`);
  const renamed = [...file.tensors.keys()].filter((name) => !tensors.has(name)).length;
  if (renamed > 0) notes.push(`renamed: module.NAME -> NAME, ${renamed} tensors`);
  for (const note of notes) console.log(note);
  await format.write(to, { tensors: sources(kept), side });
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `wrote ${to} (${format.name}): ${kept.size} tensors, ${megabytes(kept)} MB in ${duration(seconds)}`,
  );
}

interface Selection {
  readonly kept: ReadonlyMap<string, StoredTensor>;
  readonly side: SideData | undefined;
  readonly notes: string[];
}

/**
 * What of a file is written. Our checkpoints go whole into safetensors; elsewhere, as the reference's are: the network and the last epoch
 * that is done. The side data of other files stays.
 */
function selection(
  tensors: ReadonlyMap<string, StoredTensor>,
  side: SideData | undefined,
  { name: target }: Pick<WeightsFormat, 'name'>,
): Selection {
  const state = side?.state as RunState | undefined;
  if (!state || target === 'safetensors') return { kept: tensors, side, notes: describeSide(side) };
  const kept = new Map([...tensors].filter(([name]) => !isRunState(name)));
  const dropped = [...tensors.keys()].filter((name) => !kept.has(name));
  const exported = { epoch: state.epoch - 1 };
  return {
    kept,
    side: exported,
    notes: [
      ...describeSide(exported),
      `left out: the state of the run (${[...dropped, ...Object.keys(side!)].join(', ')})`,
    ],
  };
}

const describeSide = (side: SideData | undefined): string[] =>
  side && Object.keys(side).length > 0 ? [`beside the tensors: ${Object.keys(side).join(', ')}`] : [];

function listing(tensors: ReadonlyMap<string, StoredTensor>): string {
  return table([
    ['tensor', 'type', 'shape'],
    ...[...tensors].map(([name, { dtype, shape }]) => [name, dtype, `[${shape.join(', ')}]`]),
  ]);
}

function sources(tensors: ReadonlyMap<string, StoredTensor>): WeightsContents['tensors'] {
  return [...tensors].map(([name, { dtype, shape, read }]) => ({
    name,
    dtype,
    shape,
    data: read,
  }));
}
