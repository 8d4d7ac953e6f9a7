import { describe, expect, test } from 'vitest';
import { Graph, type Tensor } from '../../src/engine/tensor.js';
import { conv2d } from '../../src/kernels/conv2d.js';
import { depthwiseConv2d } from '../../src/kernels/depthwise-conv2d.js';
import { linear } from '../../src/kernels/linear.js';

const graph = new Graph();
let count = 0;
const tensor = (...shape: number[]): Tensor => graph.buffer(`t${count++}`, shape);
const plain = { stride: 1, pad: [0, 0, 0, 0] };

describe('shapes of convolutions and linear layers', () => {
  test("follow PyTorch's formulas", () => {
    const stem = conv2d(tensor(2, 224, 224, 3), tensor(4, 7, 7, 3, 64), {
      stride: 2,
      pad: [3, 3, 3, 3],
      sharedInput: true,
    });
    expect(stem.shape).toEqual([2, 112, 112, 256]);
    expect(
      depthwiseConv2d(tensor(1, 8, 9, 5), tensor(3, 3, 5), { stride: 2, pad: [0, 0, 1, 1] }).shape,
    ).toEqual([1, 4, 4, 5]);
    expect(linear(tensor(3, 48), tensor(1, 32, 2), undefined, { hole: [16, 16] }).shape).toEqual([3, 2]);
  });

  test.each([
    [
      () => conv2d(tensor(1, 4, 4, 6), tensor(2, 3, 3, 4, 8), plain),
      'conv2d: w [2,3,3,4,8] wants 8 input channels, x [1,4,4,6] has 6',
    ],
    [
      () => conv2d(tensor(1, 2, 4, 3), tensor(1, 3, 3, 3, 8), plain),
      'conv2d: x [1,2,4,3] with padding [0,0,0,0] is smaller than the kernel 3x3',
    ],
    [
      () => conv2d(tensor(0, 4, 4, 3), tensor(1, 3, 3, 3, 8), plain),
      'conv2d: wants at least one image, got x [0,4,4,3]',
    ],
    [
      () => conv2d(tensor(1, 4, 4, 3), tensor(3, 3, 3, 8), plain),
      'conv2d: wants w [groups, kh, kw, in, out], none of them 0, got [3,3,3,8]',
    ],
    [
      () => conv2d(tensor(1, 4, 4, 3), tensor(1, 3, 3, 3, 8), { stride: 0, pad: [1, 1, 1, 1] }),
      'conv2d: wants a stride of 1 or more, got 0',
    ],
    [
      () => depthwiseConv2d(tensor(1, 4, 4, 3), tensor(3, 3, 1, 3), plain),
      'depthwise_conv2d: wants w [kh, kw, channels], got [3,3,1,3]',
    ],
    [
      () => linear(tensor(2, 9), tensor(1, 8, 4), undefined),
      'linear: w [1,8,4] wants 8 columns, x [2,9] has 9',
    ],
    [
      () => linear(tensor(2, 9), tensor(1, 8, 4), undefined, { hole: [4, 2] }),
      'linear: w [1,8,4] and the hole [4,2] want 10 columns, x [2,9] has 9',
    ],
    [
      () => linear(tensor(2, 9), tensor(3, 2, 4), undefined, { hole: [4, 3] }),
      'linear: a hole wants one group, w [3,2,4] has 3',
    ],
    [() => linear(tensor(2, 8), tensor(1, 8, 4), tensor(8)), 'linear: wants a bias [4], got [8]'],
  ])('a mismatch is named: %#', (make, message) => {
    expect(make).toThrow(expect.objectContaining({ name: 'ShapeError', message }));
  });
});
