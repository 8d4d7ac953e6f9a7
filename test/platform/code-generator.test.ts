import { availableParallelism } from 'node:os';
import { afterAll, expect, test } from 'vitest';
import { ShaderError } from '../../src/errors.js';
import { CodeGenerator } from '../../src/platform/node/code-generator.js';
import { openDevice } from '../../src/platform/node/open.js';

const code = (value: number) => `
  @group(0) @binding(0) var<uniform> params: vec4u;
  @group(0) @binding(1) var<storage, read> x: array<f32>;
  @group(0) @binding(2) var image: texture_storage_2d<rgba32float, read>;
  @group(0) @binding(3) var<storage, read_write> y: array<f32>;
  @compute @workgroup_size(1)
  fn main() { y[0] = x[params.x] + textureLoad(image, vec2u()).x + ${value}.0; }`;

const opened = await openDevice();
afterAll(() => opened.close());

test('kernels go round the devices, one a core, each opened when it is first needed and closed at the end', async () => {
  const devices: GPUDevice[] = [];
  const generator = new CodeGenerator(async () => {
    const { device } = await openDevice();
    devices.push(device);
    return device;
  });
  expect(devices).toEqual([]);
  await generator.generate('first', code(0));
  expect(devices.length).toBe(1);
  await Promise.all([1, 2, 3, 4, 5].map((i) => generator.generate(`kernel ${i}`, code(i))));
  expect(devices.length).toBe(Math.min(6, availableParallelism()));
  await generator.close();
  const reasons = await Promise.all(devices.map(async ({ lost }) => (await lost).reason));
  expect(new Set(reasons)).toEqual(new Set(['destroyed']));
});

test('a kernel that does not compile is told to the one who asked, and the next is made', async () => {
  const generator = new CodeGenerator(async () => opened.device);
  const bad = generator.generate('bad', code(1).replace('y[0]', 'z[0]'));
  const good = generator.generate('good', code(2));
  await expect(bad).rejects.toThrow(ShaderError);
  await expect(bad).rejects.toThrow(/shader bad: .*unresolved value 'z'/);
  await expect(good).resolves.toBeUndefined();
});
