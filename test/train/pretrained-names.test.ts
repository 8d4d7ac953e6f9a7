import { expect, test } from 'vitest';
import { dialectOf, dialectsOf, efficientnetRepeats } from '../../src/model/pretrained-names.js';

const renamer = (model: string, dialect: RegExp) =>
  dialectsOf(model).find(({ name }) => dialect.test(name))!.rename;

/** Blocks of EfficientNet-b0 to b7 as they are published. */
const blocks = [16, 23, 23, 26, 32, 39, 45, 55];

test("EfficientNet's blocks are counted as published", () => {
  expect(blocks.map((_, variant) => efficientnetRepeats(variant).reduce((a, b) => a + b))).toEqual(blocks);
  expect(efficientnetRepeats(4)).toEqual([2, 4, 4, 6, 6, 8, 2]);
});

/** Modules of our names (METHOD 2): no expansion in the blocks of the first stage. */
function ours(variant: number): string[] {
  const first = efficientnetRepeats(variant)[0]!;
  const block = ['_depthwise_conv', '_bn1', '_se_reduce', '_se_expand', '_project_conv', '_bn2'];
  const parts = (k: number) => (k < first ? block : ['_expand_conv', '_bn0', ...block]);
  return [
    ...['_conv_stem', '_bn0', '_conv_head', '_bn1', '_fc'],
    ...Array.from({ length: blocks[variant]! }, (_, k) =>
      parts(k).map((part) => `_blocks.${k}.${part}`),
    ).flat(),
  ].sort();
}

/** The same modules as timm and torchvision name them, by their own stage lists. */
function theirs(variant: number): Record<'timm' | 'torchvision', string[]> {
  const timm = ['conv_stem', 'bn1', 'conv_head', 'bn2', 'classifier'];
  const torchvision = ['features.0.0', 'features.0.1', 'features.8.0', 'features.8.1', 'classifier.1'];
  efficientnetRepeats(variant).forEach((repeats, stage) => {
    for (let b = 0; b < repeats; b++) {
      const separable = ['conv_dw', 'bn1', 'se.conv_reduce', 'se.conv_expand', 'conv_pw', 'bn2'];
      const inverted = [
        'conv_pw',
        'bn1',
        'conv_dw',
        'bn2',
        'se.conv_reduce',
        'se.conv_expand',
        'conv_pwl',
        'bn3',
      ];
      const parts = stage === 0 ? separable : inverted;
      timm.push(...parts.map((part) => `blocks.${stage}.${b}.${part}`));
      const layers =
        stage === 0
          ? ['0.0', '0.1', '1.fc1', '1.fc2', '2.0', '2.1']
          : ['0.0', '0.1', '1.0', '1.1', '2.fc1', '2.fc2', '3.0', '3.1'];
      torchvision.push(...layers.map((layer) => `features.${stage + 1}.${b}.block.${layer}`));
    }
  });
  return { timm, torchvision };
}

test.each(
  blocks.map((_, variant) => variant),
)('EfficientNet-b%i: the names of timm and torchvision, one to one', (variant) => {
  for (const [who, names] of Object.entries(theirs(variant))) {
    const rename = renamer(`efficientnet-b${variant}`, new RegExp(who));
    expect(names.map((name) => rename(`${name}.weight`)).sort()).toEqual(
      ours(variant).map((name) => `${name}.weight`),
    );
  }
});

test('single names of EfficientNet, and what is no name', () => {
  const timm = renamer('efficientnet', /timm/);
  expect(timm('blocks.0.1.conv_pw.weight')).toBe('_blocks.1._project_conv.weight');
  expect(timm('blocks.1.0.conv_pw.weight')).toBe('_blocks.2._expand_conv.weight');
  expect(timm('blocks.6.1.bn3.running_var')).toBe('_blocks.31._bn2.running_var');
  expect(timm('blocks.6.2.bn3.running_var')).toBeUndefined();
  expect(timm('blocks.1.0.constructor.weight')).toBeUndefined();
  expect(timm('head.weight')).toBeUndefined();
});

test('MobileNet-V1: timm, pytorchcv and transformers, one to one', () => {
  const modules = [
    'model.0.0',
    'model.0.1',
    'fc',
    ...Array.from({ length: 13 }, (_, k) => [0, 1, 3, 4].map((part) => `model.${k + 1}.${part}`)).flat(),
  ];
  const stages = [1, 2, 2, 6, 2].flatMap((n, stage) =>
    Array.from({ length: n }, (_, b) => [stage, b] as const),
  );
  const names = {
    timm: [
      ...['conv_stem', 'bn1', 'classifier'],
      ...stages.flatMap(([s, b]) =>
        ['conv_dw', 'bn1', 'conv_pw', 'bn2'].map((part) => `blocks.${s}.${b}.${part}`),
      ),
    ],
    pytorchcv: [
      ...['features.init_block.conv', 'features.init_block.bn', 'output'],
      ...stages.flatMap(([s, b]) =>
        ['dw_conv.conv', 'dw_conv.bn', 'pw_conv.conv', 'pw_conv.bn'].map(
          (part) => `features.stage${s + 1}.unit${b + 1}.${part}`,
        ),
      ),
    ],
    transformers: [
      ...['mobilenet_v1.conv_stem.convolution', 'mobilenet_v1.conv_stem.normalization', 'classifier'],
      ...Array.from({ length: 26 }, (_, k) =>
        ['convolution', 'normalization'].map((part) => `mobilenet_v1.layer.${k}.${part}`),
      ).flat(),
    ],
  };
  for (const [who, list] of Object.entries(names)) {
    const rename = renamer('mobilenet', new RegExp(who));
    expect(list.map((name) => rename(`${name}.weight`))).toEqual(modules.map((name) => `${name}.weight`));
    const found = dialectOf(
      'mobilenet',
      list.map((name) => `${name}.weight`),
      new Set(modules.map((name) => `${name}.weight`)),
    );
    expect(found.name).toContain(who);
  }
});
