import { afterAll, expect, test } from 'vitest';
import { openRuntime } from '../../src/platform/node/runtime.js';

const opened = await openRuntime();
afterAll(() => opened.runtime.close());

test('values come back whole, in order and to whom they belong, whatever their size and however many ask at once', async () => {
  const runtime = opened.runtime.sibling();
  const elements = 2 ** 22 + 1003; // more than the 16 MiB that come at once
  runtime.allocate('words', 'u32', elements);
  runtime.allocate('bytes', 'u8', 7);
  const words = Uint32Array.from({ length: elements }, (_, i) => Math.imul(i, 0x9e3779b1));
  runtime.write('words', words);
  runtime.write('bytes', Uint8Array.of(1, 2, 3, 4, 5, 6, 7));
  const [all, none, bytes, tail] = await Promise.all([
    runtime.read('words', 0, elements),
    runtime.read('words', 5, 0),
    runtime.read('bytes', 0, 7),
    runtime.read('words', elements - 3, 3),
  ]);
  expect(Buffer.from(all.buffer).equals(Buffer.from(words.buffer))).toBe(true);
  expect(none.length).toBe(0);
  expect([...bytes]).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect([...tail]).toEqual([...words.slice(-3)]);
  expect(runtime.allocated).toBeLessThan(4 * elements + 2 ** 20);
  runtime.release();
});
