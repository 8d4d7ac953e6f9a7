import { expect, test } from 'vitest';
import { Graph } from '../../src/engine/tensor.js';
import { featureSize, libBank } from '../../src/model/lib-net.js';
import type { ModelName } from '../../src/model/names.js';
import { ParameterTable } from '../../src/model/parameters.js';
import type { Build } from '../../src/model/scope.js';
import { stateDict } from '../../src/model/state-dict.js';

/** The bank of two LIBs for images of 64 pixels. */
function bank(model: ModelName, { dropout = 0, norm = 'batch' as Build['norm'], size = 64 } = {}) {
  const graph = new Graph();
  const table = new ParameterTable();
  const [clock, rows] = [graph.buffer('clock', [3], 'u32'), graph.buffer('rows', [1], 'u32')];
  const images = graph.buffer('x', [4, size, size, 3]);
  const config = { model, libs: 2, gil: true, lil: true };
  const Z = libBank(images, config, { graph, table, norm, dropout, clock, rows });
  return { Z, graph, table };
}

// Parameters as published with EfficientNet-PyTorch, the ImageNet classifier of 1000 classes among them.
test.each<[ModelName, number, number]>([
  ['efficientnet-b0', 5_288_548, 1280],
  ['efficientnet-b1', 7_794_184, 1280],
  ['efficientnet-b2', 9_109_994, 1408],
  ['efficientnet-b3', 12_233_232, 1536],
  ['efficientnet-b4', 19_341_616, 1792],
  ['efficientnet-b5', 30_389_784, 2048],
  ['efficientnet-b6', 43_040_704, 2304],
  ['efficientnet-b7', 66_347_960, 2560],
])('a LIB of %s has %i parameters and %i features', (model, parameters, features) => {
  const { Z, table } = bank(model);
  expect((table.count('trained') + table.count('frozen')) / 2).toBe(parameters);
  expect(table.count('frozen') / 2).toBe((features + 1) * 1000);
  expect(featureSize(model)).toBe(features);
  expect(Z.shape).toEqual([4, 2 * features]);
});

test('its tensors have the names and shapes of EfficientNet-PyTorch', () => {
  const shapes = new Map(stateDict(bank('efficientnet-b0').table).map(({ name, shape }) => [name, shape]));
  expect(shapes.get('region_model1._conv_stem.weight')).toEqual([32, 3, 3, 3]);
  expect(shapes.has('region_model1._blocks.0._expand_conv.weight')).toBe(false);
  expect(shapes.get('region_model2._blocks.3._expand_conv.weight')).toEqual([144, 24, 1, 1]);
  expect(shapes.get('region_model2._blocks.3._depthwise_conv.weight')).toEqual([144, 1, 5, 5]);
  expect(shapes.get('region_model2._blocks.3._se_reduce.weight')).toEqual([6, 144, 1, 1]);
  expect(shapes.get('region_model2._blocks.3._se_expand.bias')).toEqual([144]);
  expect(shapes.get('region_model1._blocks.15._project_conv.weight')).toEqual([320, 1152, 1, 1]);
  expect(shapes.get('region_model1._bn1.running_var')).toEqual([1280]);
  expect(shapes.get('region_model1._fc.weight')).toEqual([1000, 1280]);
});

test('paddings are those of the nominal image, whatever the size of the images', () => {
  const pads = (model: ModelName, size: number) =>
    bank(model, { size }).graph.nodes.flatMap(({ op, attrs }) =>
      (op.name === 'depthwise_conv2d' || op.name === 'conv2d') && attrs.stride === 2 ? [`${attrs.pad}`] : [],
    );
  // Strided layers of b0 see sides 224, 112, 56, 28, 14; of b3 300, 150, 75, 38, 19: only odd sides have zeros on both sides of 3x3.
  const b0 = ['0,0,1,1', '0,0,1,1', '1,1,2,2', '0,0,1,1', '1,1,2,2'];
  const b3 = ['0,0,1,1', '0,0,1,1', '2,2,2,2', '0,0,1,1', '2,2,2,2'];
  for (const size of [64, 75, 224]) {
    expect(pads('efficientnet-b0', size)).toEqual(b0);
    expect(pads('efficientnet-b3', size)).toEqual(b3);
  }
});

test('drop-connect grows block by block, is drawn per sample and LIB, and is off where dropout is', () => {
  const drops = bank('efficientnet-b0', { dropout: 0.5 }).graph.nodes.filter(
    ({ op }) => op.name === 'drop_connect',
  );
  // Blocks that keep their shape: all but the first of each stage.
  expect(drops.map(({ attrs }) => Math.round((Number(attrs.rate) * 16) / 0.2))).toEqual([
    2, 4, 6, 7, 9, 10, 12, 13, 14,
  ]);
  expect(new Set(drops.map(({ attrs }) => attrs.key)).size).toBe(drops.length);
  for (const { attrs, inputs } of drops) {
    expect(attrs.groups).toBe(2);
    expect(inputs[2]!.storage).toMatchObject({ kind: 'buffer', buffer: 'rows' });
  }
  const without = bank('efficientnet-b0', { norm: 'running' }).graph.nodes;
  expect(without.some(({ op }) => op.name === 'drop_connect')).toBe(false);
});
