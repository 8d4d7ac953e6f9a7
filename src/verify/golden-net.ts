import { ReferenceRuntime } from '../engine/reference-runtime.js';
import type { Runtime } from '../engine/runtime.js';
import type { NumberArray } from '../engine/tensor.js';
import { adamOp } from '../kernels/optimizers.js';
import type { NetConfig } from '../model/lib-net.js';
import type { ModelName } from '../model/names.js';
import type { GoldenNet } from './golden-file.js';
import { GoldenRun, hyperAt, type TrainedState, WEIGHT_DECAY } from './golden-run.js';
import { row, type VerifyRow } from './rows.js';

/**
 * Runs the network of a golden file: heads in evaluation, then its training steps; compares every quantity of METHOD 8's table.
 *
 * Steps behind the first are chaotic in float32: one ReLU whose input lies within rounding of zero changes gradients by a percent,
 * and Adam's first steps follow gradients' signs, not sizes. (PyTorch's own float32 was seen 1.7e-1 off in resnet's step 2.) So when
 * a later quantity is out of tolerance, the steps are replayed, each from the float64 reference's weights and moments, rounded: what
 * still differs then is a fault of that step's arithmetic; and so are gradients that are not the reference's, or an update that is not
 * Adam's.
 */
export async function verifyNet(
  parent: Runtime,
  file: string,
  golden: GoldenNet,
  model: ModelName,
): Promise<VerifyRow[]> {
  const config: NetConfig = { model, libs: golden.n, gil: true, lil: true };
  const net = new GoldenRun(parent.sibling(), golden, config);
  await net.start();
  const rows = await net.evaluation(file);
  const training = await net.training(file);
  if (training.every(({ ok }) => ok)) rows.push(...training);
  else
    rows.push(
      ...training.filter(({ quantity }) => !isLater(quantity)),
      ...(await replay(net, file, golden, config)).map((replayed) => besideFreeRunning(replayed, training)),
    );
  net.release();
  return rows;
}

/** The replay does not hide what the run did by itself. */
function besideFreeRunning(replayed: VerifyRow, training: readonly VerifyRow[]): VerifyRow {
  const free = training.find(({ quantity }) => quantity === replayed.quantity);
  if (!free) return replayed;
  return {
    ...replayed,
    quantity: `${replayed.quantity} (from the reference's step)`,
    freeRunning: free.error,
  };
}

const isLater = (quantity: string): boolean => /^step [1-9]|_after/.test(quantity);

/** The later steps, each from where the float64 reference stands; and what leads from each to the next: its gradients, its update. */
async function replay(
  net: GoldenRun,
  file: string,
  golden: GoldenNet,
  config: NetConfig,
): Promise<VerifyRow[]> {
  const reference = new GoldenRun(new ReferenceRuntime(), golden, config);
  await reference.start();
  await net.start();
  const rows: VerifyRow[] = [];
  const last = golden.steps.length - 1;
  for (const [i, step] of golden.steps.entries()) {
    if (i > 0) await net.continueFrom(reference);
    const before = await net.state();
    net.step(i);
    if (i > 0) rows.push(...(await net.losses(file, i, step)));
    if (i < last) {
      reference.step(i);
      const after = await net.state();
      const wanted = await reference.gradientValues();
      const compared = (what: string, error: number, tolerance: number): VerifyRow =>
        row(file, golden.name, `step ${i} ${what}, of their norm`, error, tolerance);
      rows.push(
        compared('gradients', distance(after.gradients, wanted), 5e-2),
        compared('updates', updateError(before, after, i), 2e-5),
      );
    }
  }
  rows.push(...(await net.after(file)));
  reference.release();
  return rows;
}

/** |got - want| / |want| */
function distance(got: NumberArray, want: NumberArray): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    difference += (got[i]! - want[i]!) ** 2;
    size += want[i]! ** 2;
  }
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.sqrt(difference / size);
}

const PIECE = 2 ** 20;

/**
 * How far the parameters moved otherwise than Adam in float64 would have moved them by the same gradients, of that movement's norm.
 * (Not by the reference's gradients: Adam's first steps are signs of gradients, and where one is nearly zero its sign is noise.)
 */
function updateError(before: TrainedState, after: TrainedState, i: number): number {
  const hyper = Float64Array.from(hyperAt(i));
  const flag = Float64Array.of(0);
  const attrs = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: WEIGHT_DECAY };
  let [difference, size] = [0, 0];
  for (let start = 0; start < before.parameters.length; start += PIECE) {
    const piece = (values: NumberArray): Float64Array =>
      Float64Array.from(values.subarray(start, start + PIECE));
    const old = piece(before.parameters);
    const state = [old, piece(after.gradients), piece(before.m), piece(before.v), hyper, flag];
    const [want] = adamOp.reference(state, { inputs: [], outputs: [], attrs });
    const got = piece(after.parameters);
    for (let k = 0; k < got.length; k++) {
      difference += (got[k]! - want![k]!) ** 2;
      size += (want![k]! - old[k]!) ** 2;
    }
  }
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.sqrt(difference / size);
}
