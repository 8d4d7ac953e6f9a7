/** What may happen to a training picture between the resize and the batch. It runs in the decoding threads, so it is chosen by name. */
import type { Rng } from '../rng.js';
import type { Image } from './image.js';

/** Keeps the picture's size; draws only from `rng`, so that a batch does not depend on which thread made it. */
export type Augment = (image: Image, rng: Rng) => Image | Promise<Image>;

export type Augmentation = 'none';

export const augmentations: Readonly<Record<Augmentation, Augment>> = {
  none: (image) => image,
};
