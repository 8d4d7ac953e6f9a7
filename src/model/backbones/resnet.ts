import type { Tensor } from '../../engine/tensor.js';
import { globalAveragePool } from '../../kernels/global-average-pool.js';
import { maxPool2d } from '../../kernels/max-pool2d.js';
import { type ConvOptions, conv2d, heNormal, norm } from '../layers.js';
import type { Scope } from '../scope.js';

/**
 * ResNet (He et al., CVPR 2016) as torchvision builds it, without fc: 7x7/2 stem, 3x3/2 max-pool, four stages of residual blocks.
 * n LIBs are one network of n-fold channels whose convolutions have n groups; the stem's groups share the image.
 */
interface Variant {
  readonly blocks: readonly number[];
  readonly block: Block;
  /** Channels of a block's output over its stage's width. */
  readonly expansion: number;
}

type Block = (x: Tensor, scope: Scope, width: number, stride: number) => Tensor;

const VARIANTS: Record<ResNetName, Variant> = {
  resnet18: { blocks: [2, 2, 2, 2], block: basicBlock, expansion: 1 },
  resnet34: { blocks: [3, 4, 6, 3], block: basicBlock, expansion: 1 },
  resnet50: { blocks: [3, 4, 6, 3], block: bottleneck, expansion: 4 },
};

export type ResNetName = 'resnet18' | 'resnet34' | 'resnet50';

export const resnetFeatures = (name: ResNetName): number => 512 * VARIANTS[name].expansion;

/** Images [B,S,S,3] -> features [B,n*d], LIB by LIB. */
export function resnet(images: Tensor, scope: Scope, name: ResNetName): Tensor {
  const { blocks, block } = VARIANTS[name];
  const stem = conv(images, scope.at('conv1'), { channels: 64, kernel: 7, stride: 2, shared: true });
  let x = norm(stem, scope.at('bn1'), { activation: 'relu' });
  x = maxPool2d(x, { kernel: 3, stride: 2, pad: 1 });
  blocks.forEach((count, stage) => {
    for (let j = 0; j < count; j++) {
      const stride = stage > 0 && j === 0 ? 2 : 1;
      x = block(x, scope.at(`layer${stage + 1}.${j}`), 64 << stage, stride);
    }
  });
  return globalAveragePool(x);
}

const conv = (x: Tensor, scope: Scope, options: ConvOptions): Tensor =>
  conv2d(x, scope, { ...options, init: heNormal(options.channels, options.kernel) });

/** Two 3x3 convolutions and the shortcut. */
function basicBlock(x: Tensor, scope: Scope, width: number, stride: number): Tensor {
  let y = conv(x, scope.at('conv1'), { channels: width, kernel: 3, stride });
  y = norm(y, scope.at('bn1'), { activation: 'relu' });
  y = conv(y, scope.at('conv2'), { channels: width, kernel: 3 });
  return norm(y, scope.at('bn2'), { activation: 'relu', residual: shortcut(x, scope, width, stride) });
}

/** 1x1 down, 3x3 (which has the stride: torchvision's v1.5), 1x1 up, and the shortcut. */
function bottleneck(x: Tensor, scope: Scope, width: number, stride: number): Tensor {
  let y = conv(x, scope.at('conv1'), { channels: width, kernel: 1 });
  y = norm(y, scope.at('bn1'), { activation: 'relu' });
  y = conv(y, scope.at('conv2'), { channels: width, kernel: 3, stride });
  y = norm(y, scope.at('bn2'), { activation: 'relu' });
  y = conv(y, scope.at('conv3'), { channels: 4 * width, kernel: 1 });
  return norm(y, scope.at('bn3'), { activation: 'relu', residual: shortcut(x, scope, 4 * width, stride) });
}

/** The input itself, or its 1x1 projection where the shape changes. */
function shortcut(x: Tensor, scope: Scope, channels: number, stride: number): Tensor {
  if (stride === 1 && x.shape[3] === channels * scope.groups) return x;
  return norm(conv(x, scope.at('downsample.0'), { channels, kernel: 1, stride }), scope.at('downsample.1'));
}
