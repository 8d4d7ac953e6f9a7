/** Backbones, as `--model` names them. */
export const MODEL_NAMES = [
  'resnet18',
  'resnet34',
  'resnet50',
  'mobilenet',
  'efficientnet-b0',
  'efficientnet-b1',
  'efficientnet-b2',
  'efficientnet-b3',
  'efficientnet-b4',
  'efficientnet-b5',
  'efficientnet-b6',
  'efficientnet-b7',
  'tiny',
] as const;

export type ModelName = (typeof MODEL_NAMES)[number];

/** The reference's own names: what it builds for `resnet`, and what stands for the `efficientnet` that it cannot build. */
export const MODEL_ALIASES: ReadonlyMap<string, ModelName> = new Map([
  ['resnet', 'resnet34'],
  ['efficientnet', 'efficientnet-b4'],
]);

/** The backbone of this name or alias. */
export const modelNamed = (name: string): ModelName | undefined =>
  MODEL_ALIASES.get(name) ?? MODEL_NAMES.find((known) => known === name);
