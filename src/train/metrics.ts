/** Metrics of a binary detector (METHOD 4 and 7): over frames, and over clips. */
import { UserError } from '../errors.js';

export interface ScoreMetrics {
  /** Percent. */
  readonly accuracy: number;
  /** Area under the ROC curve, 0 to 1, a tie counting 1/2; null where only one class is present. */
  readonly auc: number | null;
  readonly logLoss: number;
  /** Equal error rate, 0 to 1; null where only one class is present. */
  readonly eer: number | null;
  /** Average precision, 0 to 1; null where only one class is present. */
  readonly ap: number | null;
}

export interface Metrics extends ScoreMetrics {
  readonly frames: number;
  readonly video: ScoreMetrics & { readonly clips: number };
}

/** Scores in [0, 1], high for fake, and labels, 0 real and 1 fake. */
type Scores = ArrayLike<number>;
type Labels = ArrayLike<number>;

/**
 * All metrics of a split.
 * @param scores softmax(z)[1] of every frame
 * @param labels 0 real, 1 fake
 * @param clips what tells a frame's clip from all others: list file and path
 * @throws UserError when a score is not a number
 */
export function summarise(scores: Scores, labels: Labels, clips: readonly string[]): Metrics {
  if (clips.length !== scores.length)
    throw new Error(`summarise: got ${scores.length} scores and ${clips.length} clips`);
  const video = perClip(scores, labels, clips);
  return {
    frames: scores.length,
    ...scoreMetrics(scores, labels),
    video: { clips: video.scores.length, ...scoreMetrics(video.scores, video.labels) },
  };
}

export function scoreMetrics(scores: Scores, labels: Labels): ScoreMetrics {
  if (scores.length === 0 || scores.length !== labels.length)
    throw new Error(`scoreMetrics: got ${scores.length} scores and ${labels.length} labels`);
  const points = rocPoints(scores, labels);
  const { tp: positives, fp: negatives } = points.at(-1)!;
  const twoClasses = positives > 0 && negatives > 0;
  return {
    accuracy: accuracy(scores, labels),
    auc: twoClasses ? areaUnder(points) : null,
    logLoss: logLoss(scores, labels),
    eer: twoClasses ? equalErrorRate(points) : null,
    ap: twoClasses ? averagePrecision(points) : null,
  };
}

/** Mean score of each clip, clips in the order of their first frames. */
export function perClip(scores: Scores, labels: Labels, clips: readonly string[]) {
  const found = new Map<string, { sum: number; frames: number; label: number }>();
  for (const [i, name] of clips.entries()) {
    const label = labels[i]!;
    const clip = found.get(name) ?? { sum: 0, frames: 0, label };
    if (clip.label !== label)
      throw new UserError(`${name}: listed both as real and as fake; remove one line`);
    clip.sum += scores[i]!;
    clip.frames++;
    found.set(name, clip);
  }
  const all = [...found.values()];
  return {
    names: [...found.keys()],
    scores: all.map(({ sum, frames }) => sum / frames),
    labels: all.map(({ label }) => label),
  };
}

/** Percent of frames whose likelier class is the label; at exactly 1/2 argmax takes the first class, real. */
function accuracy(scores: Scores, labels: Labels): number {
  let right = 0;
  for (let i = 0; i < scores.length; i++) if (Number(scores[i]! > 0.5) === labels[i]) right++;
  return (100 * right) / scores.length;
}

/** -mean log p(label), probabilities clipped by the float64 epsilon. */
function logLoss(scores: Scores, labels: Labels): number {
  let sum = 0;
  for (let i = 0; i < scores.length; i++) {
    const p = Math.min(Math.max(scores[i]!, Number.EPSILON), 1 - Number.EPSILON);
    sum -= labels[i] === 1 ? Math.log(p) : Math.log(1 - p);
  }
  return sum / scores.length;
}

/** Fakes and reals whose scores reach a threshold. */
interface RocPoint {
  readonly tp: number;
  readonly fp: number;
}

/** The ROC curve in counts: from (0, 0), one point for each distinct score, highest first. */
function rocPoints(scores: Scores, labels: Labels): RocPoint[] {
  for (let i = 0; i < scores.length; i++)
    if (Number.isNaN(scores[i]))
      throw new UserError(`the score of frame ${i} is NaN: training has diverged; use a lower --lr`);
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i);
  order.sort((a, b) => scores[b]! - scores[a]!);
  const points: RocPoint[] = [{ tp: 0, fp: 0 }];
  let [tp, fp] = [0, 0];
  for (const [rank, i] of order.entries()) {
    if (labels[i] === 1) tp++;
    else fp++;
    const next = order[rank + 1];
    if (next === undefined || scores[next] !== scores[i]) points.push({ tp, fp });
  }
  return points;
}

/** Trapezoids: those of tied scores give every tied pair 1/2. The sum is one of integers, hence exact. */
function areaUnder(points: readonly RocPoint[]): number {
  const { tp: positives, fp: negatives } = points.at(-1)!;
  let doubled = 0;
  for (let k = 1; k < points.length; k++) {
    const [a, b] = [points[k - 1]!, points[k]!];
    doubled += (b.fp - a.fp) * (a.tp + b.tp);
  }
  return doubled / (2 * positives * negatives);
}

/** Where FPR = FNR on the ROC curve, its points joined by straight lines. */
function equalErrorRate(points: readonly RocPoint[]): number {
  const { tp: positives, fp: negatives } = points.at(-1)!;
  // FPR - FNR rises from -1 to 1 along the curve.
  const excess = ({ tp, fp }: RocPoint) => fp / negatives + tp / positives - 1;
  const k = points.findIndex((point) => excess(point) >= 0);
  const [a, b] = [points[k - 1]!, points[k]!];
  const t = excess(a) / (excess(a) - excess(b));
  return (a.fp + t * (b.fp - a.fp)) / negatives;
}

/** Sum over thresholds of (recall - recall before) * precision: steps, no interpolation. */
function averagePrecision(points: readonly RocPoint[]): number {
  const positives = points.at(-1)!.tp;
  let sum = 0;
  for (let k = 1; k < points.length; k++) {
    const { tp, fp } = points[k]!;
    sum += ((tp - points[k - 1]!.tp) / positives) * (tp / (tp + fp));
  }
  return sum;
}
