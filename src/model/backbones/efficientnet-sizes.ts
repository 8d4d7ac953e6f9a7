import type { ModelName } from '../names.js';

export type EfficientNetName = Extract<ModelName, `efficientnet-${string}`>;

/** How a network is scaled (Tan, Le, ICML 2019). */
export interface Variant {
  readonly width: number;
  readonly depth: number;
  /** Side of the images that the variant was made for. Paddings follow it, never the side of the images that come. */
  readonly nominal: number;
}

export const VARIANTS: Record<EfficientNetName, Variant> = {
  'efficientnet-b0': { width: 1, depth: 1, nominal: 224 },
  'efficientnet-b1': { width: 1, depth: 1.1, nominal: 240 },
  'efficientnet-b2': { width: 1.1, depth: 1.2, nominal: 260 },
  'efficientnet-b3': { width: 1.2, depth: 1.4, nominal: 300 },
  'efficientnet-b4': { width: 1.4, depth: 1.8, nominal: 380 },
  'efficientnet-b5': { width: 1.6, depth: 2.2, nominal: 456 },
  'efficientnet-b6': { width: 1.8, depth: 2.6, nominal: 528 },
  'efficientnet-b7': { width: 2, depth: 3.1, nominal: 600 },
};

/** Seven stages of blocks; `stride` is that of a stage's first block. */
export const STAGES = [
  { repeats: 1, kernel: 3, stride: 1, expansion: 1, channels: 16 },
  { repeats: 2, kernel: 3, stride: 2, expansion: 6, channels: 24 },
  { repeats: 2, kernel: 5, stride: 2, expansion: 6, channels: 40 },
  { repeats: 3, kernel: 3, stride: 2, expansion: 6, channels: 80 },
  { repeats: 3, kernel: 5, stride: 1, expansion: 6, channels: 112 },
  { repeats: 4, kernel: 5, stride: 2, expansion: 6, channels: 192 },
  { repeats: 1, kernel: 3, stride: 1, expansion: 6, channels: 320 },
] as const;

type Stage = (typeof STAGES)[number];

/** Blocks of a stage: repeats are rounded up. */
export const repeatsOf = ({ repeats }: Stage, { depth }: Variant): number => Math.ceil(repeats * depth);
