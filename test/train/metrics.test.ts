import { expect, test } from 'vitest';
import { Rng } from '../../src/rng.js';
import { perClip, scoreMetrics, summarise } from '../../src/train/metrics.js';

test('four frames, by hand', () => {
  // Highest first: fake .8, real .4, fake .35, real .1.  ROC in (fp, tp): 0,0  0,1  1,1  1,2  2,2.
  const m = scoreMetrics([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]);
  expect(m.auc).toBe(0.75); // 3 of the 4 pairs stand right
  expect(m.ap).toBeCloseTo(0.5 * 1 + 0.5 * (2 / 3), 15);
  expect(m.eer).toBe(0.5); // at (1/2, 1/2)
  expect(m.accuracy).toBe(75); // .35 < 1/2 is called real
  expect(m.logLoss).toBeCloseTo(-Math.log(0.9 * 0.6 * 0.35 * 0.8) / 4, 15);
});

test('log loss of the example in scikit-learn', () => {
  expect(scoreMetrics([0.9, 0.1, 0.2, 0.65], [1, 0, 0, 1]).logLoss).toBeCloseTo(0.21616187468057912, 15);
});

test('certain scores: perfect, upside down, and all tied', () => {
  const epsilon = 2 ** -52;
  const right = scoreMetrics([0, 1, 1], [0, 1, 1]);
  expect(right).toMatchObject({ accuracy: 100, auc: 1, eer: 0, ap: 1 });
  expect(right.logLoss).toBeCloseTo(epsilon, 20);
  const wrong = scoreMetrics([1, 0, 0], [0, 1, 1]);
  expect(wrong).toMatchObject({ accuracy: 0, auc: 0, eer: 1 });
  expect(wrong.ap).toBeCloseTo(0.5 * 0 + (2 / 3) * 1, 15);
  expect(wrong.logLoss).toBeCloseTo(52 * Math.LN2, 12);
  const tied = scoreMetrics([0.5, 0.5, 0.5, 0.5], [0, 1, 0, 0]);
  expect(tied).toMatchObject({ accuracy: 75, auc: 0.5, eer: 0.5, ap: 0.25 }); // argmax of equals is class 0
});

test('the equal error rate lies between two points of the curve', () => {
  // (fpr, tpr): 0,0  0,1/3  1/2,2/3  1/2,1  1,1; FPR = FNR on the tied segment: t/2 = 2/3 - t/3, so t = 4/5.
  const m = scoreMetrics([0.9, 0.7, 0.7, 0.6, 0.2], [1, 1, 0, 1, 0]);
  expect(m.eer).toBeCloseTo(0.4, 15);
  expect(m.auc).toBe(4.5 / 6); // .9 beats both reals; .7 ties with one and beats one; .6 beats one
});

test('one class: ranking metrics are null, the others are not', () => {
  expect(scoreMetrics([0.25, 0.75], [1, 1])).toEqual({
    accuracy: 50,
    auc: null,
    eer: null,
    ap: null,
    logLoss: -Math.log(0.25 * 0.75) / 2,
  });
});

/** Pairs of a fake and a real, one by one. */
function pairwiseAuc(scores: number[], labels: number[]): number {
  let [sum, pairs] = [0, 0];
  for (const [i, a] of scores.entries())
    for (const [j, b] of scores.entries())
      if (labels[i] === 1 && labels[j] === 0) {
        pairs++;
        sum += a > b ? 1 : a === b ? 0.5 : 0;
      }
  return sum / pairs;
}

/** Average precision over all thresholds, by its definition. */
function slowAp(scores: number[], labels: number[]): number {
  const positives = labels.filter((label) => label === 1).length;
  const thresholds = [...new Set(scores)].sort((a, b) => b - a);
  let [ap, before] = [0, 0];
  for (const threshold of thresholds) {
    const called = labels.filter((_, i) => scores[i]! >= threshold);
    const hits = called.filter((label) => label === 1).length;
    ap += (hits / positives - before) * (hits / called.length);
    before = hits / positives;
  }
  return ap;
}

test('random scores with many ties, against the definitions', () => {
  for (let round = 0; round < 20; round++) {
    const rng = new Rng('metrics', round);
    const n = 2 + rng.below(150);
    const labels = Array.from({ length: n }, (_, i) => (i < 2 ? i : rng.below(2)));
    const levels = 1 + rng.below(40);
    const scores = labels.map((label) => (rng.below(levels) + label) / (levels + 1));
    const { auc, ap, eer } = scoreMetrics(scores, labels);
    expect(auc).toBeCloseTo(pairwiseAuc(scores, labels), 14);
    expect(ap).toBeCloseTo(slowAp(scores, labels), 13);
    // Swapping the classes and turning the scores around mirrors the curve on FPR = FNR.
    const mirrored = scoreMetrics(
      scores.map((s) => 1 - s),
      labels.map((label) => 1 - label),
    );
    expect(mirrored.auc).toBeCloseTo(auc!, 14);
    expect(mirrored.eer).toBeCloseTo(eer!, 12);
  }
});

test('clips: mean score, keyed by list and path', () => {
  const scores = Float32Array.of(0.75, 0.25, 0.875, 0.125, 0.5);
  const labels = [1, 1, 1, 0, 0];
  const clips = ['f/000_003', 'f/000_003', 'g/000_003', 'r/000', 'r/000'];
  expect(perClip(scores, labels, clips)).toEqual({
    names: ['f/000_003', 'g/000_003', 'r/000'],
    scores: [0.5, 0.875, 0.3125],
    labels: [1, 1, 0],
  });
  const m = summarise(scores, labels, clips);
  expect(m).toMatchObject({ frames: 5, accuracy: 80, auc: 5 / 6 });
  expect(m.video).toMatchObject({ clips: 3, auc: 1, ap: 1, eer: 0 });
  expect(m.video.accuracy).toBeCloseTo(200 / 3, 12); // a mean of exactly 1/2 is called real
  expect(m.video.logLoss).toBeCloseTo(-Math.log(0.5 * 0.875 * 0.6875) / 3, 15);
});

test('what cannot be summarised', () => {
  expect(() => summarise([0.5, Number.NaN], [0, 1], ['a', 'b'])).toThrow(
    'the score of frame 1 is NaN: training has diverged; use a lower --lr',
  );
  expect(() => summarise([0.5, 0.5], [0, 1], ['a', 'a'])).toThrow(
    'a: listed both as real and as fake; remove one line',
  );
  expect(() => summarise([], [], [])).toThrow('got 0 scores');
  expect(() => summarise([0.5], [1], [])).toThrow('got 1 scores and 0 clips');
});
