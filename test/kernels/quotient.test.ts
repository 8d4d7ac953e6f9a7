import { expect, test } from 'vitest';
import { addShader, shaderText } from '../../src/engine/shader.js';
import { openRuntime } from '../../src/platform/node/runtime.js';
import { Rng } from '../../src/rng.js';

const SIZE = 2 ** 16;

addShader(
  'quotients-of-pairs',
  `#include "lib/quotient"
@group(0) @binding(0) var<storage, read> pairs: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) { result[id.x] = quotient(pairs[id.x].x, pairs[id.x].y); }`,
);

/** Where rounding is most likely to tell: multiples of the divisor, and their neighbours; all of 31 bits, and small numbers. */
function pairsOf(rng: Rng): Uint32Array<ArrayBuffer> {
  const pairs = new Uint32Array(2 * SIZE);
  for (let i = 0; i < SIZE; i++) {
    const b = 1 + rng.below(2 ** (1 + rng.below(20)));
    const most = 2 ** (1 + rng.below(31));
    const a = Math.floor(rng.below(most) / b) * b + (i % 3) - 1;
    pairs[2 * i] = i % 4 === 3 ? rng.below(most) : Math.min(Math.max(a, 0), 2 ** 31 - 1);
    pairs[2 * i + 1] = Math.min(b, 2 ** 20 - 1);
  }
  return pairs;
}

test('quotient divides as integers do, for dividends below 2^31 and divisors below 2^20', async () => {
  const { runtime, device: opened } = await openRuntime();
  const { device } = opened!;
  const pairs = pairsOf(new Rng('quotients'));
  const module = device.createShaderModule({ code: shaderText('quotients-of-pairs') });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const source = device.createBuffer({ size: pairs.byteLength, usage: 0x80 | 0x8 }); // STORAGE | COPY_DST
  const result = device.createBuffer({ size: 4 * SIZE, usage: 0x80 | 0x4 }); // STORAGE | COPY_SRC
  const staging = device.createBuffer({ size: 4 * SIZE, usage: 0x1 | 0x8 }); // MAP_READ | COPY_DST
  device.queue.writeBuffer(source, 0, pairs);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [source, result].map((buffer, binding) => ({ binding, resource: { buffer } }));
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(SIZE / 64);
  pass.end();
  encoder.copyBufferToBuffer(result, 0, staging, 0, 4 * SIZE);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  const got = new Uint32Array(staging.getMappedRange().slice(0));
  const wrong = Array.from(got.entries()).filter(
    ([i, value]) => value !== Math.floor(pairs[2 * i]! / pairs[2 * i + 1]!),
  );
  expect(wrong.slice(0, 3).map(([i, value]) => `${pairs[2 * i]} / ${pairs[2 * i + 1]} = ${value}`)).toEqual(
    [],
  );
  await runtime.close();
});
