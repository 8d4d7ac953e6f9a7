import { expect, test } from 'vitest';
import { type BaseLr, cosineLr, nextBaseLr } from '../../src/train/schedule.js';

/** torch.optim.lr_scheduler.CosineAnnealingLR.get_lr, eta_min 0: each rate from the one before. */
function* torchCosine(base: number, tMax: number) {
  for (let lr = base, t = 0; ; ) {
    yield lr;
    t++;
    if ((t - 1 - tMax) % (2 * tMax) === 0) lr += (base * (1 - Math.cos(Math.PI / tMax))) / 2;
    else lr *= (1 + Math.cos((Math.PI * t) / tMax)) / (1 + Math.cos((Math.PI * (t - 1)) / tMax));
  }
}

test('rates by hand', () => {
  expect(cosineLr(1e-3, 0)).toBe(1e-3);
  expect(cosineLr(1e-3, 50)).toBeCloseTo(0.75e-3, 18); // cos 60 degrees = 1/2
  expect(cosineLr(1e-3, 75)).toBeCloseTo(0.5e-3, 18);
  expect(cosineLr(1e-3, 100)).toBeCloseTo(0.25e-3, 18);
  expect(cosineLr(1e-3, 150)).toBe(0);
  expect(cosineLr(1e-3, 225)).toBeCloseTo(0.5e-3, 18);
  expect(cosineLr(1e-3, 300)).toBe(1e-3);
  expect(cosineLr(2, 1, 2)).toBeCloseTo(1, 15);
});

test('400 steps over 3 epochs as torch computes them, the cosine made anew before each', () => {
  let worst = 0;
  for (const [base, steps] of [
    [1e-3, 160],
    [1e-3, 200],
    [5e-4, 40],
  ] as const) {
    const torch = torchCosine(base, 150);
    for (let step = 0; step < steps; step++)
      worst = Math.max(worst, Math.abs(cosineLr(base, step) - torch.next().value!) / base);
  }
  expect(worst).toBeLessThan(1e-12);
});

test('three swings of the cosine as torch computes them', () => {
  const torch = torchCosine(1, 150);
  for (let step = 0; step < 900; step++)
    expect(Math.abs(cosineLr(1, step) - torch.next().value!)).toBeLessThan(1e-11);
});

/** Base rates after each of these evaluation losses, in units of the first. */
const rates = (losses: number[]) => {
  let state: BaseLr = { lr: 1, history: [] };
  return losses.map((loss) => {
    state = nextBaseLr(state, loss);
    return state.lr;
  });
};

test('the base rate halves when five losses are known and one of the last five rose', () => {
  expect(rates([5, 4, 3, 2, 1, 0])).toEqual([1, 1, 1, 1, 1, 1]);
  expect(rates([1, 2, 3, 4])).toEqual([1, 1, 1, 1]); // four are too few
  expect(rates([1, 2, 1, 1, 1])).toEqual([1, 1, 1, 1, 0.5]); // the rise may lie anywhere among the five
  expect(rates([5, 4, 3, 2, 2.5])).toEqual([1, 1, 1, 1, 0.5]);
  expect(rates([9, 8, 7, 6, 5, 4, 4, 4.5])).toEqual([1, 1, 1, 1, 1, 1, 1, 0.5]); // equal is not higher
  expect(rates([1, 1, 1, 1, 1, 1])).toEqual([1, 1, 1, 1, 1, 1]);
});

test('halving clears the history: it takes five new losses to halve again', () => {
  expect(rates([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])).toEqual([
    1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25,
  ]);
  expect(nextBaseLr({ lr: 1, history: [1, 2, 3, 4] }, 5)).toEqual({ lr: 0.5, history: [] });
});
