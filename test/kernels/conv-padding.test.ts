import { describe, expect, test } from 'vitest';
import { geometry, turned } from '../../src/kernels/conv-geometry.js';
import { computedShare } from '../../src/kernels/conv-padding.js';
import { rowsFor } from '../../src/kernels/conv-software.js';

const conv = (batch: number, side: number, { channels = 8, pad = 1 } = {}) =>
  geometry('conv2d', [batch, side, side, channels], [1, 3, 3, channels, channels], {
    stride: 1,
    pad: [pad, pad, pad, pad],
  });

describe('the share of products that a tile computes', () => {
  test.each([
    ['one place of 2x2: a corner meets 4 taps of 9', conv(16, 2), 16, 4 / 9],
    ['two places of 2x2, side by side', conv(8, 2), 16, 6 / 9],
    ['all places of 2x2', conv(4, 2), 16, 1],
    ['one place of 2x2 in a lower tile', conv(8, 2), 8, 4 / 9],
    ['one place of 4x4: 4 corners, 8 edges, 4 inside', conv(32, 4), 16, (4 * 4 + 8 * 6 + 4 * 9) / 144],
    ['lines of 4x4', conv(4, 4), 16, (6 + 9 + 9 + 6) / 36],
    ['an odd batch: tiles of 8 places of 3x3, then one', conv(3, 3), 8, (9 + 4) / 18],
  ])('counts %s', (_, geo, rows, share) => {
    expect(computedShare(geo, rows)).toBeCloseTo(share, 12);
    expect(computedShare(turned(geo), rows)).toBeCloseTo(share, 12); // symmetric: the data gradient's is the same
  });

  test('is all of them where there is no padding', () => {
    expect(computedShare(conv(8, 4, { pad: 0 }), 16)).toBe(1);
  });

  test('makes tiles low where that skips more padding than it costs', () => {
    expect(rowsFor('forward', conv(8, 2), 8)).toBe(8);
    expect(rowsFor('data', conv(8, 4), 8)).toBe(8);
    expect(rowsFor('forward', conv(16, 2), 8)).toBe(16);
    expect(rowsFor('forward', conv(8, 28), 8)).toBe(16);
    expect(rowsFor('forward', conv(4, 28, { pad: 0 }), 8)).toBe(16);
  });
});
