import type { Tensor } from '../../engine/tensor.js';
import { add } from '../../kernels/add.js';
import { channelScale } from '../../kernels/channel-scale.js';
import { globalAveragePool } from '../../kernels/global-average-pool.js';
import { sigmoid } from '../../kernels/sigmoid.js';
import { swish } from '../../kernels/swish.js';
import { conv2d, depthwise, dropConnect, norm, pointwise, unusedClassifier } from '../layers.js';
import type { Scope } from '../scope.js';
import { type EfficientNetName, repeatsOf, STAGES, VARIANTS, type Variant } from './efficientnet-sizes.js';

const STEM_CHANNELS = 32;
const HEAD_CHANNELS = 1280;
/** Squeezed channels over a block's input channels. */
const SQUEEZE = 0.25;
/** Rate of drop-connect at the network's end; it grows from 0 block by block. */
const DROP_CONNECT = 0.2;

const NORM = { epsilon: 1e-3, momentum: 0.01 } as const;
const NORM_SWISH = { ...NORM, activation: 'swish' } as const;

/** Channels times the width, to the nearest multiple of 8, but not under 90 % of it. */
function widened(channels: number, { width }: Variant): number {
  const exact = channels * width;
  const rounded = Math.max(8, Math.floor((exact + 4) / 8) * 8);
  return rounded < 0.9 * exact ? rounded + 8 : rounded;
}

export const efficientnetFeatures = (name: EfficientNetName): number =>
  widened(HEAD_CHANNELS, VARIANTS[name]);

interface Block {
  readonly channels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly expansion: number;
}

const blocksOf = (variant: Variant): Block[] =>
  STAGES.flatMap((stage) =>
    Array.from({ length: repeatsOf(stage, variant) }, (_, i) => ({
      ...stage,
      channels: widened(stage.channels, variant),
      stride: i === 0 ? stage.stride : 1,
    })),
  );

/** Zeros before and behind a side: TensorFlow's "same" for an input of side r, PyTorch's order top, left, bottom, right. */
function samePadding(r: number, kernel: number, stride: number): [number, number, number, number] {
  const zeros = Math.max((Math.ceil(r / stride) - 1) * stride + kernel - r, 0);
  const before = zeros >> 1;
  return [before, before, zeros - before, zeros - before];
}

/**
 * EfficientNet (Tan, Le, ICML 2019) as lukemelas' EfficientNet-PyTorch builds it: inverted residual blocks with squeeze-and-excitation,
 * one network scaled in width, depth and resolution. n LIBs are one network of n-fold channels whose convolutions have n groups.
 * @param images [B,S,S,3]
 * @returns features [B,n*d], LIB by LIB
 */
export function efficientnet(images: Tensor, scope: Scope, name: EfficientNetName): Tensor {
  const variant = VARIANTS[name];
  let side = variant.nominal;
  let x = conv2d(images, scope.at('_conv_stem'), {
    channels: widened(STEM_CHANNELS, variant),
    kernel: 3,
    stride: 2,
    pad: samePadding(side, 3, 2),
    shared: true,
  });
  x = norm(x, scope.at('_bn0'), NORM_SWISH);
  side = Math.ceil(side / 2);
  const blocks = blocksOf(variant);
  blocks.forEach((block, k) => {
    x = invertedResidual(x, scope.at(`_blocks.${k}`), block, side, (DROP_CONNECT * k) / blocks.length);
    side = Math.ceil(side / block.stride);
  });
  const features = efficientnetFeatures(name);
  x = conv2d(x, scope.at('_conv_head'), { channels: features, kernel: 1 });
  x = norm(x, scope.at('_bn1'), NORM_SWISH);
  unusedClassifier(scope.at('_fc').frozen(), features);
  return globalAveragePool(x);
}

/** MBConv: 1x1 up, depthwise, squeeze-and-excitation, 1x1 down without an activation; a skip where the shape stays. */
function invertedResidual(
  input: Tensor,
  scope: Scope,
  { channels, kernel, stride, expansion }: Block,
  side: number,
  dropRate: number,
): Tensor {
  const inputs = input.shape[3]! / scope.groups;
  let x = input;
  if (expansion > 1) {
    x = conv2d(x, scope.at('_expand_conv'), { channels: inputs * expansion, kernel: 1 });
    x = norm(x, scope.at('_bn0'), NORM_SWISH);
  }
  x = depthwise(x, scope.at('_depthwise_conv'), { kernel, stride, pad: samePadding(side, kernel, stride) });
  x = norm(x, scope.at('_bn1'), NORM_SWISH);
  x = squeezeAndExcite(x, scope, Math.max(1, Math.floor(inputs * SQUEEZE)));
  x = conv2d(x, scope.at('_project_conv'), { channels, kernel: 1 });
  x = norm(x, scope.at('_bn2'), NORM);
  if (stride > 1 || channels !== inputs) return x;
  return add(dropConnect(x, scope, dropRate), input);
}

/** x times a gate per image and channel: sigmoid(expand(swish(reduce(mean of x)))) (Hu et al., CVPR 2018). */
function squeezeAndExcite(x: Tensor, scope: Scope, squeezed: number): Tensor {
  const channels = x.shape[3]! / scope.groups;
  const reduced = swish(pointwise(globalAveragePool(x), scope.at('_se_reduce'), squeezed));
  return channelScale(x, sigmoid(pointwise(reduced, scope.at('_se_expand'), channels)));
}
