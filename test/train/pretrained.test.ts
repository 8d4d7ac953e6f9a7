import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ReferenceRuntime } from '../../src/engine/reference-runtime.js';
import { sizeOf } from '../../src/engine/tensor.js';
import { writePth } from '../../src/io/pth-writer.js';
import { writeSafetensors } from '../../src/io/safetensors.js';
import type { TensorSource } from '../../src/io/tensors.js';
import { readEntries, stateDict } from '../../src/model/state-dict.js';
import { Rng } from '../../src/rng.js';
import { loadPretrained } from '../../src/train/pretrained.js';
import { Session } from '../../src/train/session.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clew-pretrained-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const sessionOf = (model: 'resnet18' | 'mobilenet', libs: number): Promise<Session> =>
  Session.create(
    new ReferenceRuntime(),
    {
      net: { model, libs, gil: true, lil: true },
      loss: { gil: true, lil: true, calculator: 'kl', temperature: 1.5, method: 'auto', scales: [] },
      optimizer: { kind: 'adam', weightDecay: 0, momentum: 0, nesterov: false },
      size: 32,
      dropout: 0,
    },
    { batches: [2], evaluationBatch: 2, samples: 2 },
  );

test("torchvision's ResNet fills every LIB; its classifier and counters are left aside", async () => {
  const session = await sessionOf('resnet18', 3);
  const values = (name: string, size: number): Float32Array => {
    const rng = new Rng(1, name);
    return Float32Array.from({ length: size }, () => rng.uniform());
  };
  const first = /^region_model1\./;
  const file: TensorSource[] = [
    ...stateDict(session.table)
      .filter(({ name }) => first.test(name))
      .map(({ name, shape }) => ({ name: name.replace(first, ''), shape })),
    { name: 'fc.weight', shape: [1000, 512] },
    { name: 'fc.bias', shape: [1000] },
  ].map(({ name, shape }) => ({ name, dtype: 'F32', shape, data: () => values(name, sizeOf(shape)) }));
  file.push({ name: 'bn1.num_batches_tracked', dtype: 'I64', shape: [], data: () => BigInt64Array.of(9n) });
  const path = join(folder, 'resnet18.safetensors');
  await writeSafetensors(path, file);
  expect(await loadPretrained(path, session)).toMatchObject({ loaded: 5 * 20, missing: [], unused: [] });
  let compared = 0;
  for (const parameter of session.table.list().filter(({ libs }) => libs !== undefined))
    for (const { entry, data } of await readEntries(session.runtime, parameter.home, parameter)) {
      const name = entry.name.replace(/^region_model[123]\./, '');
      const same = Buffer.from(data.buffer, data.byteOffset, data.byteLength).equals(
        Buffer.from(values(name, data.length).buffer),
      );
      expect(same, entry.name).toBe(true);
      compared++;
    }
  // conv1, bn1, 8 blocks of 2 convs and norms, 3 downsamplings; a conv is 1 tensor, a norm 4; 3 LIBs.
  expect(compared).toBe(3 * 5 * (1 + 16 + 3));
});

test("timm's MobileNet in a .pth: renamed, an own classifier left out; what does not fit only with --allow_partial", async () => {
  const session = await sessionOf('mobilenet', 2);
  const timm: TensorSource[] = [
    ['conv_stem.weight', [32, 3, 3, 3]],
    ['blocks.3.5.bn2.running_mean', [512]],
    ['blocks.3.5.conv_pw.weight', [512, 512, 1, 1]],
    ['blocks.4.1.conv_dw.weight', [1024, 1, 5, 5]],
    ['classifier.weight', [10, 1024]],
    ['head_norm.weight', [4]],
  ].map(([name, shape]) => ({
    name: name as string,
    dtype: 'F32',
    shape: shape as number[],
    data: () => new Float32Array(sizeOf(shape as number[])).fill((name as string).length),
  }));
  const path = join(folder, 'mobilenetv1.pth');
  await writePth(path, timm, undefined);
  await expect(loadPretrained(path, session)).rejects.toThrow(
    /^--pretrained .*mobilenetv1\.pth: not all the weights of --model mobilenet \(timm's names\); missing: model\.0\.1\.weight \[32\], .*; unknown: blocks\.4\.1\.conv_dw\.weight \[1024,1,5,5\], head_norm\.weight; --allow_partial loads the rest$/,
  );
  const report = await loadPretrained(path, session, true);
  expect(report).toMatchObject({ dialect: "timm's", loaded: 3 });
  // 27 convolutions, and 27 norms of 4 tensors, less the three.
  expect(report.missing.length).toBe(27 * 5 - 3);
  expect(report.unused).toEqual(['blocks.4.1.conv_dw.weight [1024,1,5,5]', 'head_norm.weight']);
  const pointwise = session.table.list().find(({ name }) => name === 'model.11.3.weight')!;
  for (const { data } of await readEntries(session.runtime, pointwise.home, pointwise))
    expect([data[0], data.at(-1)]).toEqual([25, 25]);
});
