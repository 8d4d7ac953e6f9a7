/**
 * The losses of "Exposing the Deception" (arXiv 2403.01786), one function per equation. The paper bounds its mutual informations by
 * divergences of class posteriors: I(z_i; y | Z \ z_i) = E KL(p(y|Z) || p(y|Z \ z_i)). Its published code takes every KL the other way
 * round, KL(student || teacher), and so do we, since its results and checkpoints are what people compare with.
 */
import type { Tensor } from '../engine/tensor.js';
import { add } from '../kernels/add.js';
import { automaticWeightedLoss } from '../kernels/automatic-weighted-loss.js';
import { expNegative } from '../kernels/exp-negative.js';
import { sinkhorn } from '../kernels/sinkhorn.js';
import { logSoftmax, softmax } from '../kernels/softmax.js';
import { softmaxCrossEntropy } from '../kernels/softmax-cross-entropy.js';
import { softmaxKl } from '../kernels/softmax-kl.js';
import { weightedSum } from '../kernels/weighted-sum.js';
import type { Heads } from '../model/lib-net.js';

/**
 * How two posteriors are compared: `kl` by Kullback-Leibler divergence, `w` by the Sinkhorn distance of LOG-probabilities from
 * probabilities as the reference does (it stays at 3 to 6 whatever the heads say), `wp` by that of probabilities from probabilities.
 */
export type Calculator = 'kl' | 'w' | 'wp';

export interface LossConfig {
  /** Whether the global and the local information loss are on. */
  readonly gil: boolean;
  readonly lil: boolean;
  readonly calculator: Calculator;
  /** T in p_a = softmax(a / T); not used by the cross entropies. */
  readonly temperature: number;
  /** How the terms are added up: by learned weights, by `scales`, or as they are. */
  readonly method: 'auto' | 'hyper' | 'sum';
  /** For `hyper`, one for each term that is on, in the order ce, gil, lil. */
  readonly scales: readonly number[];
}

/** The terms, each [1]; gil and lil where they are on. */
export interface LossTerms {
  readonly ce: Tensor;
  readonly gil?: Tensor | undefined;
  readonly lil?: Tensor | undefined;
}

/** Mixup: sample b is mixed with sample permutation[b], lambda parts to 1 - lambda. */
export interface Mixup {
  /** u32 [B] */
  readonly permutation: Tensor;
  /** [1] */
  readonly lambda: Tensor;
}

/** All terms of one batch: logits [B, 2] of every head, labels u32 [B]. */
export function lossTerms(heads: Heads, labels: Tensor, mixup: Mixup, config: LossConfig): LossTerms {
  return {
    ce: crossEntropies(heads, labels, mixup, config),
    gil: config.gil ? globalInformationLoss(heads, config) : undefined,
    lil: config.lil ? localInformationLoss(heads, config) : undefined,
  };
}

/** CE = H(y | G) <= CE(z, y), and so that the other heads learn their posteriors, + CE(f, y) with GIL, + sum_i CE(l_i, y) with LIL. */
function crossEntropies({ z, f, l }: Heads, labels: Tensor, mixup: Mixup, { gil, lil }: LossConfig): Tensor {
  return [z, ...(gil ? [f] : []), ...(lil ? l : [])]
    .map((logits) => softmaxCrossEntropy(logits, labels, mixup.permutation, mixup.lambda))
    .reduce(add);
}

/** GIL = D(stopgrad(f), z): what Z knows of the label, I(Z; y), and G does not, I(G; y). */
const globalInformationLoss = ({ z, f }: Heads, config: LossConfig): Tensor =>
  divergence(f.detach(), z, config);

/** LIL = exp(-sum_i D(stopgrad(f), l_i)): small where each LIB carries what the others lack, sum_i I(z_i; y | Z \ z_i). */
const localInformationLoss = ({ f, l }: Heads, config: LossConfig): Tensor =>
  expNegative(l.map((logits) => divergence(f.detach(), logits, config)).reduce(add));

/** D(a, b) of the posteriors p_a and p_b of teacher a and student b, [1]. */
function divergence(a: Tensor, b: Tensor, { calculator, temperature }: LossConfig): Tensor {
  if (calculator === 'kl') return softmaxKl(a, b, { temperature });
  const points = calculator === 'w' ? logSoftmax(a, { temperature }) : softmax(a, { temperature });
  return sinkhorn(points, softmax(b, { temperature }));
}

/**
 * The total [1] over the list [CE, GIL if on, LIL if on]:
 *   auto: sum_k 0.5 / w_k^2 * L_k + log(1 + w_k^2)     hyper: sum_k scales_k * L_k     sum: sum_k L_k
 * @param weights the learned w_k of `auto`, [K]
 */
export function balance(
  { ce, gil, lil }: LossTerms,
  { method, scales }: Pick<LossConfig, 'method' | 'scales'>,
  weights?: Tensor,
): Tensor {
  const list = [ce, gil, lil].filter((term) => term !== undefined);
  if (method === 'hyper') return weightedSum(list, scales);
  if (method === 'sum') return weightedSum(list, new Array<number>(list.length).fill(1));
  if (!weights) throw new Error("balance: 'auto' wants the learned weights");
  return automaticWeightedLoss(weights, list);
}
