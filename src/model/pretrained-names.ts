/**
 * Names of published ImageNet weights and those of ours (the reference's, METHOD 2). A dialect is a pure function from one to the
 * other, so that nothing here needs a network: blocks are counted from the papers' tables.
 */
import { type EfficientNetName, repeatsOf, STAGES, VARIANTS } from './backbones/efficientnet-sizes.js';

export interface Dialect {
  /** Who names tensors so. */
  readonly name: string;
  /** The file's name -> ours without `region_model{i}.`; undefined for a name of another dialect. */
  readonly rename: (name: string) => string | undefined;
}

/** The dialects of a backbone, our own names first. */
export function dialectsOf(model: string): readonly Dialect[] {
  if (model.startsWith('resnet')) return [{ name: "torchvision's and timm's", rename: same }];
  if (model === 'mobilenet') return mobilenetDialects;
  const [, width] = /^efficientnet(?:-b([0-7]))?$/.exec(model) ?? [];
  if (model.startsWith('efficientnet')) return efficientnetDialects(Number(width ?? 4));
  return [{ name: "Clew's", rename: same }];
}

/** The dialect that knows most of a file's names, of those with the names that are wanted. */
export function dialectOf(model: string, names: Iterable<string>, wanted: ReadonlySet<string>): Dialect {
  const all = [...names];
  const known = ({ rename }: Dialect): number => all.filter((name) => wanted.has(rename(name) ?? '')).length;
  return dialectsOf(model).reduce((best, dialect) => (known(dialect) > known(best) ? dialect : best));
}

const same = (name: string): string => name;

/** A dialect that knows prefixes: `[pattern, ours]`, where `ours` may hold $1 or be a function of the matched groups. */
type Rule = readonly [pattern: RegExp, ours: string | ((...groups: string[]) => string | undefined)];

const byRules =
  (rules: readonly Rule[]): Dialect['rename'] =>
  (name) => {
    const at = name.lastIndexOf('.');
    const [module, leaf] = [name.slice(0, at), name.slice(at)];
    for (const [pattern, ours] of rules) {
      const match = pattern.exec(module);
      if (!match) continue;
      const renamed = typeof ours === 'string' ? module.replace(pattern, ours) : ours(...match.slice(1));
      return renamed === undefined ? undefined : renamed + leaf;
    }
    return undefined;
  };

/** Index of block b of stage s where stages have so many blocks; undefined when there is none. */
const blockIndex = (repeats: readonly number[], stage: number, block: number): number | undefined =>
  block < (repeats[stage] ?? 0) ? repeats.slice(0, stage).reduce((sum, n) => sum + n, block) : undefined;

/** MobileNet-V1: blocks of each width, which are the stages of the libraries below. */
const mobilenetStages = [1, 2, 2, 6, 2];

/** Our block counts from 1, behind the stem: 0 depthwise convolution, 1 batch norm, 3 pointwise, 4 batch norm. */
const mobilenetBlock =
  (parts: Record<string, number>, firstStage = 0) =>
  (stage = '', block = '', part = '') => {
    const k = blockIndex(mobilenetStages, Number(stage) - firstStage, Number(block) - firstStage);
    const index = Object.hasOwn(parts, part) ? parts[part] : undefined;
    return k === undefined || index === undefined ? undefined : `model.${k + 1}.${index}`;
  };

const mobilenetDialects: readonly Dialect[] = [
  { name: "the reference's", rename: same },
  {
    name: "timm's",
    rename: byRules([
      [/^conv_stem$/, 'model.0.0'],
      [/^bn1$/, 'model.0.1'],
      [/^blocks\.(\d+)\.(\d+)\.(\w+)$/, mobilenetBlock({ conv_dw: 0, bn1: 1, conv_pw: 3, bn2: 4 })],
      [/^classifier$/, 'fc'],
    ]),
  },
  {
    name: "pytorchcv's",
    rename: byRules([
      [/^features\.init_block\.conv$/, 'model.0.0'],
      [/^features\.init_block\.bn$/, 'model.0.1'],
      [
        /^features\.stage(\d+)\.unit(\d+)\.([\w.]+)$/,
        mobilenetBlock({ 'dw_conv.conv': 0, 'dw_conv.bn': 1, 'pw_conv.conv': 3, 'pw_conv.bn': 4 }, 1),
      ],
      [/^output$/, 'fc'],
    ]),
  },
  {
    name: "Hugging Face transformers'",
    rename: byRules([
      [
        /^(?:mobilenet_v1\.)?conv_stem\.(convolution|normalization)$/,
        (part) => `model.0.${convOrNorm(part)}`,
      ],
      // 26 layers, depthwise and pointwise in turn.
      [
        /^(?:mobilenet_v1\.)?layer\.(\d+)\.(convolution|normalization)$/,
        (layer, part) => `model.${(Number(layer) >> 1) + 1}.${convOrNorm(part) + 3 * (Number(layer) & 1)}`,
      ],
      [/^classifier$/, 'fc'],
    ]),
  },
];

const convOrNorm = (part: string | undefined): number => (part === 'convolution' ? 0 : 1);

/** Blocks of each stage of EfficientNet-b{variant}. */
export const efficientnetRepeats = (variant: number): number[] =>
  STAGES.map((stage) => repeatsOf(stage, VARIANTS[`efficientnet-b${variant}` as EfficientNetName]));

/** Parts of a block in timm: with expansion, and without it (stage 0), where the same names mean other parts. */
const timmParts: Record<string, string> = {
  conv_pw: '_expand_conv',
  bn1: '_bn0',
  conv_dw: '_depthwise_conv',
  bn2: '_bn1',
  'se.conv_reduce': '_se_reduce',
  'se.conv_expand': '_se_expand',
  conv_pwl: '_project_conv',
  bn3: '_bn2',
};
const timmFirstParts: Record<string, string> = {
  conv_dw: '_depthwise_conv',
  bn1: '_bn1',
  'se.conv_reduce': '_se_reduce',
  'se.conv_expand': '_se_expand',
  conv_pw: '_project_conv',
  bn2: '_bn2',
};

/** Parts of a block in torchvision; the first number says which layer of the block. */
const torchvisionParts: Record<string, string> = {
  '0.0': '_expand_conv',
  '0.1': '_bn0',
  '1.0': '_depthwise_conv',
  '1.1': '_bn1',
  '2.fc1': '_se_reduce',
  '2.fc2': '_se_expand',
  '3.0': '_project_conv',
  '3.1': '_bn2',
};

function efficientnetDialects(variant: number): Dialect[] {
  const repeats = efficientnetRepeats(variant);
  const block = (stage: number, index: string | undefined, part: string | undefined) => {
    const k = blockIndex(repeats, stage, Number(index));
    return k === undefined || part === undefined ? undefined : `_blocks.${k}.${part}`;
  };
  const own = (parts: Record<string, string>, part: string): string | undefined =>
    Object.hasOwn(parts, part) ? parts[part] : undefined;
  return [
    { name: "lukemelas EfficientNet-PyTorch's", rename: same },
    {
      name: "timm's",
      rename: byRules([
        [/^conv_stem$/, '_conv_stem'],
        [/^bn1$/, '_bn0'],
        [
          /^blocks\.(\d+)\.(\d+)\.([\w.]+)$/,
          (stage, index, part = '') =>
            block(Number(stage), index, own(stage === '0' ? timmFirstParts : timmParts, part)),
        ],
        [/^conv_head$/, '_conv_head'],
        [/^bn2$/, '_bn1'],
        [/^classifier$/, '_fc'],
      ]),
    },
    {
      name: "torchvision's",
      rename: byRules([
        [/^features\.0\.0$/, '_conv_stem'],
        [/^features\.0\.1$/, '_bn0'],
        [
          /^features\.([1-7])\.(\d+)\.block\.(\d)\.(\w+)$/,
          // The first stage has no expansion, so its layers are numbered from the depthwise one.
          (stage, index, layer, part) =>
            block(
              Number(stage) - 1,
              index,
              own(torchvisionParts, `${Number(layer) + (stage === '1' ? 1 : 0)}.${part}`),
            ),
        ],
        [/^features\.8\.0$/, '_conv_head'],
        [/^features\.8\.1$/, '_bn1'],
        [/^classifier\.1$/, '_fc'],
      ]),
    },
  ];
}
