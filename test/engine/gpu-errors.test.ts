import { afterEach, beforeEach, expect, test } from 'vitest';
import { op, type Pass } from '../../src/engine/op.js';
import { addShader } from '../../src/engine/shader.js';
import { Graph } from '../../src/engine/tensor.js';
import { addOp } from '../../src/kernels/add.js';
import { type OpenRuntime, openRuntime } from '../../src/platform/node/runtime.js';

let opened: OpenRuntime;
beforeEach(async () => {
  opened = await openRuntime();
});
afterEach(() => opened.runtime.close());

const BROKEN = 'test-does-not-compile' as Pass['shader'];
addShader(BROKEN, 'fn main( {');
const broken = op({
  ...addOp,
  name: 'broken',
  variants: { naive: { passes: () => [{ shader: BROKEN, params: {}, grid: [1, 1, 1] }] } },
});

function sourceOf(spec: typeof addOp, size: number) {
  const graph = new Graph();
  const into = { tensor: graph.buffer('y', [size]), accumulate: false };
  graph.call(spec, [graph.buffer('a', [size]), graph.buffer('b', [size])], {}, [into]);
  return { name: 'add', graph };
}

test('an error after a compilation that failed is still reported', async () => {
  const { runtime, device } = opened;
  await expect(runtime.compile([sourceOf(broken, 64)])).rejects.toThrow(/shader test-does-not-compile/);
  device!.device.createBuffer({ size: 4, usage: 0x1 | 0x2 }); // MAP_READ | MAP_WRITE, which do not go together
  await expect(runtime.read('y', 0, 64)).rejects.toThrow(/usage/i);
});

test('a GPU without enough memory is no bug: what to do is said', async () => {
  const { runtime, device } = opened;
  const answers = [{ message: 'no memory' }, null]; // of the scopes for memory and for validation
  Object.defineProperty(device!.device, 'popErrorScope', { value: async () => answers.shift() });
  await expect(runtime.compile([sourceOf(addOp, 2 ** 20)])).rejects.toThrow(
    /^add: not enough device memory, 13 MiB were asked for; lower --bs, or give --micro_bs/,
  );
});

test('what is read from a device that was lost names the loss', async () => {
  const { runtime, device } = opened;
  await runtime.compile([sourceOf(addOp, 64)]);
  device!.device.destroy();
  await expect(runtime.read('y', 0, 64)).rejects.toThrow(/lost/);
});
