import { readFile } from 'node:fs/promises';
import type { Drawn } from '../data/augment/operation.js';
import { augment as augmented, stepsOf } from '../data/augment.js';
import { decode } from '../data/decode.js';
import { swapRedAndBlue } from '../data/image.js';
import { resize } from '../data/resize.js';
import { messageOf, UsageError, UserError } from '../errors.js';
import { attempt } from '../io/files.js';
import { pictureSheet } from '../report/picture-sheet.js';
import { Rng } from '../rng.js';
import { readAugmentation } from './augmentation.js';
import type { ConfigOf } from './config.js';

/** `clew augment`: a sheet of the resized image and draws of what training makes of it. */
export async function run(config: ConfigOf<'augment'>): Promise<number> {
  const { image: file, n = 16, o: out = 'sheet.png', size, seed, channel_order: order } = config;
  if (file === undefined) throw new UsageError('augment: wants --image FILE');
  const steps = stepsOf(readAugmentation(config.augment));
  const original = resize(await read(file), size, size);
  // What training sees may have blue in channel 0; the sheet shows the true colours.
  const turned = (data: Uint8Array) => {
    const copy = { width: size, height: size, data: data.slice() };
    return order === 'bgr' ? swapRedAndBlue(copy) : copy;
  };
  const pictures = [{ image: original, caption: ['original'] }];
  for (let i = 0; i < n; i++) {
    const rng = new Rng(seed, 'augment', 1, i);
    const { image, drawn } = await augmented(turned(original.data), steps, rng, order);
    pictures.push({
      image: turned(image.data),
      caption: drawn.length > 0 ? drawn.map(caption) : ['nothing'],
    });
  }
  const columns = Math.ceil(Math.sqrt(pictures.length));
  const rows = Array.from({ length: Math.ceil(pictures.length / columns) }, (_, i) => ({
    pictures: pictures.slice(i * columns, (i + 1) * columns),
  }));
  await pictureSheet(rows).save(out);
  process.stdout.write(`wrote ${out}: the image and ${n} draws\n`);
  return 0;
}

async function read(file: string) {
  const bytes = await attempt('read', file, () => readFile(file));
  try {
    return await decode(bytes);
  } catch (error) {
    throw new UserError(`--image ${file}: ${messageOf(error)}`, 1, { cause: error });
  }
}

/** Keys of noise say nothing to a reader. */
const caption = ({ name, parameters }: Drawn): string =>
  [
    name,
    ...Object.entries(parameters).flatMap(([key, value]) =>
      key === 'seed' ? [] : [`${key}=${+value.toFixed(2)}`],
    ),
  ].join(' ');
