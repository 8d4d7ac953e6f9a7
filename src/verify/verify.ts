import type { Op } from '../engine/op.js';
import type { Runtime } from '../engine/runtime.js';
import { UserError } from '../errors.js';
import { MODEL_NAMES, modelNamed } from '../model/names.js';
import { checkCase } from './check.js';
import { type GoldenAugment, verifyAugment } from './golden-augment.js';
import type { GoldenNet } from './golden-file.js';
import { type GoldenLoss, type GoldenSinkhorn, verifyLoss, verifySinkhorn } from './golden-losses.js';
import { verifyNet } from './golden-net.js';
import { row, type VerifyRow } from './rows.js';

/** Every case of every operation on every variant that runs here, and its gradient by finite differences. */
export async function* verifyOperations(
  runtime: Runtime,
  operations: readonly Op[],
): AsyncGenerator<VerifyRow> {
  for (const op of operations)
    for (const sample of op.cases)
      for await (const { name, quantity, error, tolerance } of checkCase(runtime, op, sample))
        yield row('operations', name, quantity, error, tolerance);
}

/** Whether this version can compare a golden file. */
export function canVerify(golden: unknown): boolean {
  if (isNet(golden)) return modelNamed(golden.model) !== undefined;
  return Array.isArray(golden) || isAugment(golden);
}

/**
 * Compares every quantity of one golden file (METHOD 8: networks, losses, Sinkhorn, augmentations).
 * @param file its name, for rows and messages
 */
export async function* verifyGolden(
  runtime: Runtime,
  file: string,
  golden: unknown,
): AsyncGenerator<VerifyRow> {
  if (isNet(golden)) {
    const model = modelNamed(golden.model);
    if (!model)
      throw new UserError(
        `${file}: model '${golden.model}' is not in this version; it has ${MODEL_NAMES.join(', ')}`,
      );
    yield* await verifyNet(runtime, file, golden, model);
  } else if (isAugment(golden)) yield* verifyAugment(file, golden);
  else if (Array.isArray(golden)) {
    for (const [i, entry] of golden.entries()) {
      if (isSinkhorn(entry)) yield* await verifySinkhorn(runtime, file, entry);
      else if (isLoss(entry)) yield* await verifyLoss(runtime, file, entry);
      else throw new UserError(`${file}: entry ${i} is neither a loss nor a Sinkhorn case`);
    }
  } else
    throw new UserError(
      `${file}: not a golden file of a network, of losses, of Sinkhorn distances or of augmentations`,
    );
}

const has = (value: unknown, ...keys: string[]): boolean =>
  typeof value === 'object' && value !== null && keys.every((key) => key in value);

const isNet = (value: unknown): value is GoldenNet =>
  has(value, 'name', 'model', 'n', 'B', 'S', 'mi', 'y', 'eval', 'steps', 'awl_after', 'running_after');
const isLoss = (value: unknown): value is GoldenLoss =>
  has(value, 'name', 'B', 'n', 'mi', 'y', 'z', 'f', 'locals', 'ce', 'grad_awl');
const isSinkhorn = (value: unknown): value is GoldenSinkhorn =>
  has(value, 'name', 'B', 'D', 'x', 'y', 'cost', 'eps');
const isAugment = (value: unknown): value is GoldenAugment =>
  has(value, 'name', 'height', 'width', 'input', 'cases');
