import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ReferenceRuntime } from '../../src/engine/reference-runtime.js';
import { sizeOf } from '../../src/engine/tensor.js';
import { writeSafetensors } from '../../src/io/safetensors.js';
import type { TensorSource } from '../../src/io/tensors.js';
import { readEntries, stateDict } from '../../src/model/state-dict.js';
import { Rng } from '../../src/rng.js';
import { Session } from '../../src/train/session.js';
import { loadPretrained } from '../../src/train/pretrained.js';

test("torchvision's ResNet fills every LIB; its classifier and counters are left aside", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clew-pretrained-'));
  const session = await Session.create(
    new ReferenceRuntime(),
    {
      net: { model: 'resnet18', libs: 3, gil: true, lil: true },
      loss: { gil: true, lil: true, calculator: 'kl', temperature: 1.5, method: 'auto', scales: [] },
      optimizer: { kind: 'adam', weightDecay: 0, momentum: 0, nesterov: false },
      size: 32,
      dropout: 0,
    },
    { batches: [2], evaluationBatch: 2, samples: 2 },
  );
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
  try {
    await writeSafetensors(path, file);
    await loadPretrained(path, session);
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
  } finally {
    rmSync(folder, { recursive: true });
  }
});
