import type { Op } from '../engine/op.js';
import { addOp } from './add.js';
import {
  automaticWeightedLossFactorsOp,
  automaticWeightedLossGradientOp,
  automaticWeightedLossOp,
} from './automatic-weighted-loss.js';
import { batchNormEvalOp, batchNormTrainOp } from './batch-norm.js';
import { batchNormApplyOp } from './batch-norm-apply.js';
import { batchNormGradientOp } from './batch-norm-gradient.js';
import { channelScaleOp, pixelDotOp } from './channel-scale.js';
import { columnSumOp } from './column-sum.js';
import { conv2dDataGradientOp, conv2dOp, conv2dWeightGradientOp } from './conv2d.js';
import { copyOp } from './copy.js';
import { depthwiseConv2dOp, depthwiseDataGradientOp, depthwiseWeightGradientOp } from './depthwise-conv2d.js';
import { dropConnectOp } from './drop-connect.js';
import { dropoutOp } from './dropout.js';
import { expNegativeGradientOp, expNegativeOp } from './exp-negative.js';
import { fillOp } from './fill.js';
import { globalAveragePoolGradientOp, globalAveragePoolOp } from './global-average-pool.js';
import { initialWeightsOp } from './initial-weights.js';
import { leakyReluGradientOp, leakyReluOp } from './leaky-relu.js';
import { linearDataGradientOp, linearOp, linearWeightGradientOp } from './linear.js';
import { maxPool2dGradientOp, maxPool2dOp } from './max-pool2d.js';
import { normaliseAndMixOp } from './normalise-and-mix.js';
import { adamOp, sgdOp } from './optimizers.js';
import { recordLossesOp } from './record-losses.js';
import { reluGradientOp, reluOp } from './relu.js';
import { loadRowsOp, storeRowsOp } from './rows.js';
import { sigmoidGradientOp, sigmoidOp } from './sigmoid.js';
import { sinkhornGradientOp, sinkhornOp } from './sinkhorn.js';
import { logSoftmaxGradientOp, logSoftmaxOp, softmaxGradientOp, softmaxOp } from './softmax.js';
import { softmaxCrossEntropyGradientOp, softmaxCrossEntropyOp } from './softmax-cross-entropy.js';
import { softmaxKlGradientOp, softmaxKlOp } from './softmax-kl.js';
import { swishGradientOp, swishOp } from './swish.js';
import { weightedSumGradientOp, weightedSumOp } from './weighted-sum.js';

/** The registry: tests, `clew verify`, `clew bench kernels` and docs/OPS.md follow from it. */
export const operations: readonly Op[] = [
  copyOp,
  fillOp,
  addOp,
  reluOp,
  reluGradientOp,
  leakyReluOp,
  leakyReluGradientOp,
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
  sinkhornOp,
  sinkhornGradientOp,
  recordLossesOp,
  adamOp,
  sgdOp,
  batchNormTrainOp,
  batchNormEvalOp,
  batchNormApplyOp,
  batchNormGradientOp,
  maxPool2dOp,
  maxPool2dGradientOp,
  globalAveragePoolOp,
  globalAveragePoolGradientOp,
  channelScaleOp,
  pixelDotOp,
  dropoutOp,
  dropConnectOp,
  normaliseAndMixOp,
  initialWeightsOp,
  storeRowsOp,
  loadRowsOp,
  swishOp,
  swishGradientOp,
  sigmoidOp,
  sigmoidGradientOp,
];
