import type { Tensor } from '../../engine/tensor.js';
import { globalAveragePool } from '../../kernels/global-average-pool.js';
import { conv2d, depthwise, norm, unusedClassifier } from '../layers.js';
import type { Scope } from '../scope.js';

/** Output channels and stride of the 13 depthwise-separable blocks. */
const BLOCKS: readonly (readonly [channels: number, stride: number])[] = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
];

export const MOBILENET_FEATURES = 1024;

/**
 * MobileNet-V1 (Howard et al., arXiv 1704.04861) of width 1, images [B,S,S,3] -> features [B,n*1024]. Indices are those of the
 * reference's nn.Sequential: 0 convolution, 1 batch norm, 3 pointwise convolution, 4 batch norm (2 and 5 are ReLUs).
 */
export function mobilenet(images: Tensor, scope: Scope): Tensor {
  const relu = { activation: 'relu' } as const;
  const stem = scope.at('model.0');
  let x = norm(
    conv2d(images, stem.at('0'), { channels: 32, kernel: 3, stride: 2, shared: true }),
    stem.at('1'),
    relu,
  );
  BLOCKS.forEach(([channels, stride], k) => {
    const block = scope.at(`model.${k + 1}`);
    x = norm(depthwise(x, block.at('0'), { stride }), block.at('1'), relu);
    x = norm(conv2d(x, block.at('3'), { channels, kernel: 1 }), block.at('4'), relu);
  });
  unusedClassifier(scope.at('fc').frozen(), MOBILENET_FEATURES);
  return globalAveragePool(x);
}
