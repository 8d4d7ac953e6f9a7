import { blur } from '../data/augment/blur.js';
import { brightnessContrast } from '../data/augment/brightness-contrast.js';
import { addToChannels, pcaShift } from '../data/augment/fancy-pca.js';
import { flip } from '../data/augment/flip.js';
import { toGray } from '../data/augment/gray.js';
import { shiftHsv } from '../data/augment/hue-saturation-value.js';
import { compress } from '../data/augment/jpeg.js';
import { padIfNeeded } from '../data/augment/pad.js';
import { shiftScaleRotate } from '../data/augment/shift-scale-rotate.js';
import type { Image } from '../data/image.js';
import { resize } from '../data/resize.js';
import { UserError } from '../errors.js';
import { largestDifference, row, type VerifyRow } from './rows.js';

type Params = Readonly<Record<string, number | string | boolean>>;

/** A picture, and what each transform with fixed parameters makes of it (METHOD 8). */
export interface GoldenAugment {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  /** [height, width, 3] bytes in base64. */
  readonly input: string;
  readonly cases: readonly {
    readonly op: string;
    readonly params: Params;
    readonly shape: readonly [number, number, 3];
    readonly out: string;
  }[];
}

/** How one operation is compared. */
interface Comparison {
  /** Pictures any of which may be right. */
  candidates(image: Image, number: (name: string) => number): Image[];
  /** Values of parameters for which the arithmetic is defined; another is refused. */
  readonly fixed?: Params;
  readonly tolerance: number;
  readonly difference: (got: Uint8Array, want: Uint8Array) => number;
}

/** Every byte within so many grey levels. */
const levels = (tolerance: number, candidates: Comparison['candidates'], fixed: Params = {}): Comparison => ({
  candidates,
  fixed,
  tolerance,
  difference: largestDifference,
});

const SIGNS = [1, -1].flatMap((a) => [1, -1].flatMap((b) => [1, -1].map((c) => [a, b, c] as const)));

const comparisons: Readonly<Record<string, Comparison>> = {
  brightness_contrast: levels(
    0,
    (image, number) => [brightnessContrast(image, number('alpha'), number('beta'))],
    { brightness_by_max: true },
  ),
  fancy_pca: levels(1, (image, number) => {
    // The signs of eigenvectors are whatever LAPACK's happened to be.
    const shift = pcaShift(image).map((levels) => levels * number('alpha'));
    return SIGNS.map(([a, b, c]) => addToChannels(image, [a * shift[0]!, b * shift[1]!, c * shift[2]!]));
  }),
  hue_saturation_value: levels(1, (image, number) => [
    shiftHsv(image, number('hue_shift'), number('sat_shift'), number('val_shift')),
  ]),
  to_gray: levels(0, (image) => [toGray(image)]),
  gaussian_blur: levels(0, (image) => [blur(image)], { ksize: 3, sigma: 0 }),
  shift_scale_rotate: levels(
    0,
    (image, number) => [
      shiftScaleRotate(image, {
        angle: number('angle'),
        scale: number('scale'),
        dx: number('dx'),
        dy: number('dy'),
      }),
    ],
    { border: 'constant 0', interpolation: 'bilinear' },
  ),
  image_compression: {
    candidates: (image, number) => [compress(image, number('quality'), 'bgr')],
    fixed: { type: 'jpg' },
    tolerance: 0.5,
    difference: meanDifference,
  },
  resize: levels(0, (image, number) => [resize(image, number('width'), number('height'))]),
  pad_if_needed: levels(
    0,
    (image, number) => [padIfNeeded(image, number('min_height'), number('min_width'))],
    { border: 'constant 0', position: 'center' },
  ),
  horizontal_flip: levels(0, (image) => [flip(image)]),
};

export async function* verifyAugment(file: string, golden: GoldenAugment): AsyncGenerator<VerifyRow> {
  const { width, height } = golden;
  const image = { width, height, data: bytesOf(golden.input) };
  if (image.data.length !== 3 * width * height)
    throw new UserError(
      `${file}: "input" has ${image.data.length} bytes; ${height}x${width}x3 are ${3 * width * height}`,
    );
  for (const [i, { op, params, shape, out }] of golden.cases.entries()) {
    const comparison = Object.hasOwn(comparisons, op) ? comparisons[op] : undefined;
    if (!comparison)
      throw new UserError(
        `${file}: cases[${i}].op '${op}' is unknown; there are ${Object.keys(comparisons).join(', ')}`,
      );
    const { candidates, fixed = {}, tolerance, difference } = comparison;
    for (const [name, value] of Object.entries(fixed))
      if (name in params && params[name] !== value)
        throw new UserError(`${file}: cases[${i}].params.${name} ${params[name]}: only ${value} is defined`);
    const number = (name: string): number => {
      const value = params[name];
      if (typeof value === 'number') return value;
      throw new UserError(`${file}: cases[${i}].params.${name}: ${op} wants a number`);
    };
    const want = bytesOf(out);
    const errors = candidates(image, number).map((got) =>
      got.height === shape[0] && got.width === shape[1] && got.data.length === want.length
        ? difference(got.data, want)
        : Number.POSITIVE_INFINITY,
    );
    yield row(file, golden.name, quantity(op, params), Math.min(...errors), tolerance);
  }
}

const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

const quantity = (op: string, params: Params): string =>
  [op, ...Object.entries(params).flatMap(([k, v]) => (typeof v === 'number' ? [`${k}=${v}`] : []))].join(' ');

function meanDifference(got: Uint8Array, want: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < want.length; i++) sum += Math.abs(got[i]! - want[i]!);
  return sum / want.length;
}
