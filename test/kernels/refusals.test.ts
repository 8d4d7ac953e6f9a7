import { expect, test } from 'vitest';
import { Graph, type Tensor } from '../../src/engine/tensor.js';
import { channelScale } from '../../src/kernels/channel-scale.js';
import { dropConnect } from '../../src/kernels/drop-connect.js';
import { dropout } from '../../src/kernels/dropout.js';
import { globalAveragePool } from '../../src/kernels/global-average-pool.js';
import { maxPool2d } from '../../src/kernels/max-pool2d.js';
import { normaliseAndMix } from '../../src/kernels/normalise-and-mix.js';
import { loadRows, storeRows } from '../../src/kernels/rows.js';

const graph = new Graph();
let count = 0;
const f32 = (...shape: number[]): Tensor => graph.buffer(`${count++}`, shape);
const u32 = (...shape: number[]): Tensor => graph.buffer(`${count++}`, shape, 'u32');
const u8 = (...shape: number[]): Tensor => graph.buffer(`${count++}`, shape, 'u8');
const clock = u32(3);
const normalise = (images: Tensor, permutation: Tensor, std = [1, 1, 1]) =>
  normaliseAndMix(images, permutation, f32(1), u32(1), { batch: 2, mean: [0, 0, 0], std });

const refusals: readonly [() => unknown, string][] = [
  [() => maxPool2d(f32(2, 3), { kernel: 2, stride: 2, pad: 0 }), 'maxPool2d: wants x [B,H,W,C], got [2,3]'],
  [
    () => maxPool2d(f32(1, 8, 8, 1), { kernel: 3, stride: 2, pad: 2 }),
    'maxPool2d: wants a pad of at most half the kernel, got pad 2 with kernel 3',
  ],
  [
    () => maxPool2d(f32(1, 2, 8, 1), { kernel: 3, stride: 2, pad: 0 }),
    'maxPool2d: a window of 3 does not fit x [1,2,8,1] with pad 0',
  ],
  [() => globalAveragePool(f32(4, 8)), 'globalAveragePool: wants x [B,H,W,C], got [4,8]'],
  [() => channelScale(f32(2, 3, 3, 8), f32(2, 7)), 'channelScale: wants s [2,8] for x [2,3,3,8], got [2,7]'],
  [
    () => dropout(f32(4), u32(2), { rate: 0.5, key: 1 }),
    'dropout: wants the clock as u32 [seed, epoch, step], got u32 [2]',
  ],
  [
    () => dropConnect(f32(2, 3, 3, 6), clock, u32(1), { rate: 0.2, groups: 4, key: 1 }),
    'dropConnect: wants x [B,H,W,C] with C a multiple of 4 groups, got [2,3,3,6]',
  ],
  [() => normalise(f32(2, 4, 4, 3), u32(2)), 'normaliseAndMix: wants images u8 [N,H,W,3], got f32 [2,4,4,3]'],
  [
    () => normalise(u8(2, 4, 4, 3), u32(3)),
    'normaliseAndMix: wants a permutation [2], one entry per image, got [3]',
  ],
  [
    () => normalise(u8(2, 4, 4, 3), u32(2), [1, 0, 1]),
    'normaliseAndMix: wants three means and three positive stds, got [0,0,0] and [1,0,1]',
  ],
  [() => storeRows(f32(3, 5), u32(1), f32(8, 4)), 'storeRows: rows of x [3,5] do not fit the place [8,4]'],
  [() => loadRows(f32(3, 5), u32(1), 4), 'loadRows: wants 4 rows of [3,5]'],
];

test.each(refusals.map(([call, text]) => ({ call, text })))('$text', ({ call, text }) => {
  expect(call).toThrow(text);
});
