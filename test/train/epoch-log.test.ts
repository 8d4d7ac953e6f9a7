import { expect, test } from 'vitest';
import { EpochLog } from '../../src/train/epoch-log.js';

test('comes back from what a checkpoint holds, also of an epoch of 200,000 images', () => {
  const log = new EpochLog();
  log.add({ total: 4, ce: 1, gil: 2, lil: 3, taskWeights: [0.5, 0.25] });
  log.add({ total: 6, ce: 3, gil: 2, lil: 1, taskWeights: [0.75, 1] });
  const labels = Uint8Array.from({ length: 200_000 }, (_, i) => i % 2);
  const restored = EpochLog.restore(log.flat(), labels, log.taskWeights);
  expect(restored.steps).toBe(2);
  expect(restored.means()).toEqual({ total: 5, ce: 2, gil: 2, lil: 2 });
  expect(restored.taskWeights).toEqual([0.75, 1]);
  expect(restored.labels).toHaveLength(200_000);
  expect(restored.labels.slice(-2)).toEqual([0, 1]);
});
