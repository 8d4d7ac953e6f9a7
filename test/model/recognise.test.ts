import { expect, test } from 'vitest';
import { MODEL_NAMES } from '../../src/model/names.js';
import { recogniseNet, stateShapes } from '../../src/model/recognise.js';

test.each(
  MODEL_NAMES.map((model, i) => ({ model, libs: 2 + (i % 3) })),
)('recognises $model of $libs LIBs by its state dict', ({ model, libs }) => {
  const net = { model, libs, gil: true, lil: true };
  expect(recogniseNet(stateShapes(net))).toEqual(net);
});

test('batch counters and unused classifiers may be there or not; anything else is refused', () => {
  const net = { model: 'mobilenet', libs: 2, gil: true, lil: true } as const;
  const shapes = stateShapes(net);
  shapes.delete('region_model1.fc.weight');
  shapes.set('region_model1.model.0.1.num_batches_tracked', []);
  expect(recogniseNet(shapes)).toEqual(net);
  shapes.set('region_model1.model.0.1.weight', [31]);
  expect(() => recogniseNet(shapes)).toThrow(
    /^not the state dict of a detector: 2 LIBs \(local_linear1, ...\) over 2048 features are none of resnet18, /,
  );
});
