import type { Op } from '../engine/op.js';
import { addOp } from './add.js';
import {
  automaticWeightedLossFactorsOp,
  automaticWeightedLossGradientOp,
  automaticWeightedLossOp,
} from './automatic-weighted-loss.js';
import { batchNormEvalOp, batchNormTrainOp } from './batch-norm.js';
import { batchNormGradientOp } from './batch-norm-gradient.js';
import { columnSumOp } from './column-sum.js';
import { conv2dDataGradientOp, conv2dOp, conv2dWeightGradientOp } from './conv2d.js';
import { copyOp } from './copy.js';
import { depthwiseConv2dOp, depthwiseDataGradientOp, depthwiseWeightGradientOp } from './depthwise-conv2d.js';
import { expNegativeGradientOp, expNegativeOp } from './exp-negative.js';
import { fillOp } from './fill.js';
import { linearDataGradientOp, linearOp, linearWeightGradientOp } from './linear.js';
import { adamOp, sgdOp } from './optimizers.js';
import { recordLossesOp } from './record-losses.js';
import { reluGradientOp, reluOp } from './relu.js';
import { logSoftmaxGradientOp, logSoftmaxOp, softmaxGradientOp, softmaxOp } from './softmax.js';
import { softmaxCrossEntropyGradientOp, softmaxCrossEntropyOp } from './softmax-cross-entropy.js';
import { softmaxKlGradientOp, softmaxKlOp } from './softmax-kl.js';
import { weightedSumGradientOp, weightedSumOp } from './weighted-sum.js';

/** The registry: tests, `clew verify`, `clew bench kernels` and docs/OPS.md follow from it. */
export const operations: readonly Op[] = [
  copyOp,
  fillOp,
  addOp,
  reluOp,
  reluGradientOp,
  columnSumOp,
  conv2dDataGradientOp,
  conv2dOp,
  conv2dWeightGradientOp,
  depthwiseConv2dOp,
  depthwiseDataGradientOp,
  depthwiseWeightGradientOp,
  linearDataGradientOp,
  linearOp,
  linearWeightGradientOp,
  softmaxOp,
  softmaxGradientOp,
  logSoftmaxOp,
  logSoftmaxGradientOp,
  softmaxCrossEntropyOp,
  softmaxCrossEntropyGradientOp,
  softmaxKlOp,
  softmaxKlGradientOp,
  expNegativeOp,
  expNegativeGradientOp,
  automaticWeightedLossOp,
  automaticWeightedLossGradientOp,
  automaticWeightedLossFactorsOp,
  weightedSumOp,
  weightedSumGradientOp,
  recordLossesOp,
  adamOp,
  sgdOp,
  batchNormTrainOp,
  batchNormEvalOp,
  batchNormGradientOp,
];
