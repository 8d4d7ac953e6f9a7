import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OpenDevice, openDevice } from '../../src/platform/node/open.js';
import { waitingCost } from '../../src/platform/probe.js';

let opened: OpenDevice;
beforeAll(async () => {
  opened = await openDevice();
});
afterAll(() => opened.close());

test('waiting polls less than once a millisecond instead of spinning', async () => {
  const patched = globalThis.setImmediate;
  let polls = 0;
  globalThis.setImmediate = ((callback: () => void) => {
    polls++;
    return patched(callback);
  }) as typeof setImmediate;
  const pollsPerMs = await waitingCost(opened.device, opened.adapter.software, () => polls);
  globalThis.setImmediate = patched;
  expect(pollsPerMs).toBeGreaterThan(0);
  expect(pollsPerMs).toBeLessThan(1.5); // spinning makes a hundred
});

test("everybody else's setImmediate is Node's", async () => {
  const order: number[] = [];
  await new Promise<void>((resolve) => {
    const canceled = setImmediate(() => order.push(0));
    setImmediate((value: number) => order.push(value), 1);
    setImmediate(order.push.bind(order), 2);
    clearImmediate(canceled);
    setImmediate(resolve);
  });
  expect(order).toEqual([1, 2]);
  expect(await promisify(setImmediate)('value')).toBe('value');
});
