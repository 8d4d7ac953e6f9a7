/** What may happen to a training picture between the resize and the batch. It runs in the decoding threads. */
import type { Rng } from '../rng.js';
import type { Drawn } from './augment/operation.js';
import { drawSteps, parseSteps, type Step } from './augment/steps.js';
import type { ChannelOrder, Image } from './image.js';

/** By name, or the steps of a user's file. */
export type Augmentation = 'none' | 'reference' | readonly Step[];

/**
 * METHOD 5's list. Its fifth entry is missing: padding to the side that the resize has just made changes nothing. Ranges that are not
 * given are the operations' standard ones, which are METHOD 5's.
 */
export const REFERENCE = [
  { op: 'image_compression', p: 0.5 },
  { op: 'gaussian_noise', p: 0.1 },
  { op: 'gaussian_blur', p: 0.05 },
  { op: 'horizontal_flip', p: 0.5 },
  {
    one_of: [{ op: 'brightness_contrast' }, { op: 'fancy_pca' }, { op: 'hue_saturation_value' }],
    p: 0.7,
  },
  { op: 'to_gray', p: 0.2 },
  { op: 'shift_scale_rotate', p: 0.5 },
];

const reference = parseSteps(REFERENCE);

export function stepsOf(augmentation: Augmentation): readonly Step[] {
  if (augmentation === 'none') return [];
  return augmentation === 'reference' ? reference : augmentation;
}

export interface Augmented {
  readonly image: Image;
  /** What hit it, in order. */
  readonly drawn: readonly Drawn[];
}

/** Keeps the picture's size. Draws only from `rng`, so a batch does not depend on which thread made it. */
export async function augment(
  image: Image,
  steps: readonly Step[],
  rng: Rng,
  order: ChannelOrder,
): Promise<Augmented> {
  const drawn = drawSteps(steps, rng);
  let result = image;
  for (const one of drawn) result = await one.apply(result, order);
  return { image: result, drawn };
}
