import { ShapeError, type Tensor } from '../engine/tensor.js';
import { batchNormEval, batchNormTrain } from '../kernels/batch-norm.js';
import { conv2d as conv2dOp } from '../kernels/conv2d.js';
import { depthwiseConv2d } from '../kernels/depthwise-conv2d.js';
import { dropConnect as dropConnectOp } from '../kernels/drop-connect.js';
import { dropout as dropoutOp } from '../kernels/dropout.js';
import { linear as linearOp } from '../kernels/linear.js';
import { fnv1a } from '../rng.js';
import type { Init } from './parameters.js';
import type { Scope } from './scope.js';

/** PyTorch's default for convolutions and linear layers, weight and bias: U(+-1/sqrt(fan_in)). */
const byFanIn = (fanIn: number): Init => ({ kind: 'uniform', bound: 1 / Math.sqrt(fanIn) });

/** Rows and columns of zeros: top, left, bottom, right. */
type Padding = readonly [number, number, number, number];

/** As many zeros on each side as keep the image's size at stride 1. */
const centred = (kernel: number): Padding => {
  const p = (kernel - 1) >> 1;
  return [p, p, p, p];
};

export interface ConvOptions {
  readonly channels: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly pad?: Padding;
  /** All LIBs read the same input: the image. */
  readonly shared?: boolean;
  readonly init?: Init;
}

/** Convolution without bias, one per LIB: x [B,H,W,n*ci] (or [B,H,W,ci] shared) -> [B,OH,OW,n*channels]. */
export function conv2d(x: Tensor, scope: Scope, options: ConvOptions): Tensor {
  const { channels, kernel, stride = 1, pad = centred(kernel), shared = false } = options;
  const inputs = x.shape[3]! / (shared ? 1 : scope.groups);
  const weight = scope.parameter('weight', {
    shape: [scope.groups, kernel, kernel, inputs, channels],
    layout: 'conv',
    init: options.init ?? byFanIn(inputs * kernel * kernel),
  });
  return conv2dOp(x, weight, { stride, pad, sharedInput: shared });
}

/** ResNet's own initial weights: normal(0, sqrt(2 / (Cout * k * k))). */
export const heNormal = (channels: number, kernel: number): Init => ({
  kind: 'normal',
  deviation: Math.sqrt(2 / (channels * kernel * kernel)),
});

export type DepthwiseOptions = Partial<Pick<ConvOptions, 'kernel' | 'stride' | 'pad'>>;

/** Convolution (3x3 by default) of each channel by itself: LIBs need no groups, their channels never mix. */
export function depthwise(x: Tensor, scope: Scope, options: DepthwiseOptions = {}): Tensor {
  const { kernel = 3, stride = 1, pad = centred(kernel) } = options;
  const weight = scope.parameter('weight', {
    shape: [kernel, kernel, x.shape[3]!],
    layout: 'depthwise',
    init: byFanIn(kernel * kernel),
  });
  return depthwiseConv2d(x, weight, { stride, pad });
}

/** 1x1 convolution with bias of 1x1 images, one per LIB: x [B,n*ci] -> [B,n*channels]. */
export function pointwise(x: Tensor, scope: Scope, channels: number): Tensor {
  const { groups } = scope;
  const inputs = x.shape[1]! / groups;
  const init = byFanIn(inputs);
  const weight = scope.parameter('weight', {
    shape: [groups, 1, 1, inputs, channels],
    layout: 'conv',
    init,
  });
  const bias = scope.parameter('bias', { shape: [groups * channels], layout: 'vector', init });
  return linearOp(x, weight.reshape(groups, inputs, channels), bias);
}

export interface NormOptions {
  readonly activation?: 'none' | 'relu' | 'swish';
  readonly residual?: Tensor;
  readonly epsilon?: number;
  readonly momentum?: number;
}

/** act(batch norm(x) + residual) over the last axis. PyTorch's batch norm: biased variance to normalise, unbiased in running_var. */
export function norm(x: Tensor, scope: Scope, options: NormOptions = {}): Tensor {
  const { activation = 'none', residual, epsilon = 1e-5, momentum = 0.1 } = options;
  const channels = x.shape.at(-1)!;
  const vector = (name: string, value: number): Tensor =>
    scope.parameter(name, { shape: [channels], layout: 'vector', init: { kind: 'constant', value } });
  const affine = { weight: vector('weight', 1), bias: vector('bias', 0) };
  const statistics = {
    mean: scope.statistic('running_mean', channels, 0),
    variance: scope.statistic('running_var', channels, 1),
  };
  const attrs = { epsilon, momentum, activation };
  switch (scope.build.norm) {
    case 'batch':
      return batchNormTrain(x, { ...affine, ...statistics }, attrs, residual);
    case 'again':
      return batchNormTrain(x, affine, attrs, residual);
    case 'running':
      return batchNormEval(x, { ...affine, ...statistics }, attrs, residual);
  }
}

/** y = x W + b: x [B,K] -> [B,outputs]; with a hole, the columns of one LIB are left out of x. */
export function linear(
  x: Tensor,
  scope: Scope,
  outputs: number,
  hole?: readonly [start: number, length: number],
): Tensor {
  const inputs = x.shape[1]! - (hole?.[1] ?? 0);
  if (inputs < 1)
    throw new ShapeError(`linear ${scope.path}: no column of [${x.shape}] is left outside the hole ${hole}`);
  const init = byFanIn(inputs);
  const weight = scope.parameter('weight', { shape: [1, inputs, outputs], layout: 'linear', init });
  const bias = scope.parameter('bias', { shape: [outputs], layout: 'vector', init });
  return linearOp(x, weight, bias, hole ? { hole } : {});
}

/** Zeroes elements with the build's rate and scales the rest; its mask depends on seed, epoch, step and this place's name alone. */
export function dropout(x: Tensor, scope: Scope): Tensor {
  const { dropout: rate, clock } = scope.build;
  return rate > 0 ? dropoutOp(x, clock, { rate, key: fnv1a(scope.path) }) : x;
}

/** Drops a block's output x [B,H,W,n*c], per sample and LIB, at this rate (Huang et al. 2016); not where dropout is off. */
export function dropConnect(x: Tensor, scope: Scope, rate: number): Tensor {
  const { dropout: dropoutRate, clock, rows } = scope.build;
  const options = { rate, groups: scope.groups, key: fnv1a(scope.path) };
  return dropoutRate > 0 && rate > 0 ? dropConnectOp(x, clock, rows, options) : x;
}

/** The ImageNet classifier that a backbone of the reference carries along: read, kept, written, never used. */
export function unusedClassifier(scope: Scope, features: number): void {
  const classes = 1000;
  const init = byFanIn(features);
  scope.parameter('weight', { shape: [scope.groups, features, classes], layout: 'linear', init });
  scope.parameter('bias', { shape: [scope.groups * classes], layout: 'vector', init });
}
