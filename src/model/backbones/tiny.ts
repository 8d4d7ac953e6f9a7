import type { Tensor } from '../../engine/tensor.js';
import { globalAveragePool } from '../../kernels/global-average-pool.js';
import { conv2d, heNormal, norm } from '../layers.js';
import type { Scope } from '../scope.js';

export const TINY_FEATURES = 32;

/**
 * A small residual network of ours for faces of 32 to 96 pixels: 2 million multiply-adds a LIB and image at 64 pixels, so that a
 * software GPU trains it in minutes. 3x3/2 stem of 8 channels, then two residual blocks of 16 and 32 channels that halve the sides.
 */
export function tiny(images: Tensor, scope: Scope): Tensor {
  const stem = conv(images, scope.at('conv1'), 8, 2, true);
  let x = norm(stem, scope.at('bn1'), { activation: 'relu' });
  x = block(x, scope.at('layer1'), 16);
  x = block(x, scope.at('layer2'), TINY_FEATURES);
  return globalAveragePool(x);
}

function block(x: Tensor, scope: Scope, channels: number): Tensor {
  let y = norm(conv(x, scope.at('conv1'), channels, 2), scope.at('bn1'), { activation: 'relu' });
  y = conv(y, scope.at('conv2'), channels, 1);
  const projection = conv2d(x, scope.at('downsample.0'), {
    channels,
    kernel: 1,
    stride: 2,
    init: heNormal(channels, 1),
  });
  const residual = norm(projection, scope.at('downsample.1'));
  return norm(y, scope.at('bn2'), { activation: 'relu', residual });
}

const conv = (x: Tensor, scope: Scope, channels: number, stride: number, shared = false): Tensor =>
  conv2d(x, scope, { channels, kernel: 3, stride, shared, init: heNormal(channels, 3) });
