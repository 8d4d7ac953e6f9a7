import { expect, test } from 'vitest';
import type { Call } from '../../src/engine/op.js';
import { chooseVariant } from '../../src/engine/plan.js';
import { conv2dDataGradientOp } from '../../src/kernels/conv2d.js';

/** The last stage of ResNet with 4 LIBs at 224 pixels, batch 8: Winograd's weights alone are 144 MiB. */
function lastStage(maxStorageBufferBindingSize: number): Call {
  const inputs = [
    [8, 7, 7, 2048],
    [4, 3, 3, 512, 512],
  ].map((shape) => ({ shape, dtype: 'f32' as const }));
  const attrs = { stride: 1, pad: [1, 1, 1, 1], height: 7, width: 7 };
  return {
    inputs,
    outputs: conv2dDataGradientOp.shape(inputs, attrs),
    attrs,
    accumulate: [false],
    capabilities: {
      software: true,
      subgroupSize: 8,
      features: new Set(['subgroups']),
      limits: { maxStorageBufferBindingSize },
    },
  };
}

test('a variant whose temporaries an adapter cannot bind gives way to one whose it can', () => {
  expect(chooseVariant(conv2dDataGradientOp, lastStage(2 ** 28))).toBe('winograd');
  expect(chooseVariant(conv2dDataGradientOp, lastStage(2 ** 27))).toBe('software');
});
