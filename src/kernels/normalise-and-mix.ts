import { type Case, f32, need, op, trafficOf } from '../engine/op.js';
import { ShapeError, sizeOf, type Tensor } from '../engine/tensor.js';

/** `mean` and `std` of pixel values in [0, 1], in the order in which the images store their channels. */
export type NormaliseOptions = {
  readonly batch: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
};

export const normaliseAndMixOp = op<NormaliseOptions>({
  name: 'normalise_and_mix',
  doc: 'y[b] = mix * n(image r) + (1 - mix) * n(image permutation[r]), r = rows[0] + b, n(v) = (v / 255 - mean) / std (mixup, Zhang et al. 2018)',
  inputs: ['images', 'permutation', 'mix', 'rows'],
  outputs: ['y'],
  shape: (inputs, { batch, mean, std }) => {
    const [{ shape, dtype }, permutation] = [need(inputs, 0), need(inputs, 1)];
    if (dtype !== 'u8' || shape.length !== 4 || shape[3] !== 3)
      throw new ShapeError(`normaliseAndMix: wants images u8 [N,H,W,3], got ${dtype} [${shape}]`);
    if (`${permutation.shape}` !== `${shape[0]}`)
      throw new ShapeError(
        `normaliseAndMix: wants a permutation [${shape[0]}], one entry per image, got [${permutation.shape}]`,
      );
    if (mean.length !== 3 || std.length !== 3 || std.some((value) => !(value > 0)))
      throw new ShapeError(
        `normaliseAndMix: wants three means and three positive stds, got [${mean}] and [${std}]`,
      );
    return [f32(batch, ...shape.slice(1))];
  },
  variants: {
    bytes: {
      passes: ({ inputs, attrs }) => {
        const [count, height, width] = need(inputs, 0).shape;
        const image = height! * width! * 3;
        const scale = attrs.std.map((std) => 1 / (255 * std));
        const offset = attrs.mean.map((mean, c) => mean / attrs.std[c]!);
        return [
          {
            shader: 'normalise-and-mix',
            params: {
              image,
              count: count!,
              scale0: scale[0]!,
              scale1: scale[1]!,
              scale2: scale[2]!,
              offset0: offset[0]!,
              offset1: offset[1]!,
              offset2: offset[2]!,
            },
            grid: [Math.ceil(image / 1024), attrs.batch, 1],
          },
        ];
      },
    },
  },
  reference: ([images, permutation, mix, rows], { outputs, attrs: { mean, std } }) => {
    const { shape } = need(outputs, 0);
    const image = shape[1]! * shape[2]! * 3;
    const normal = (n: number, i: number): number =>
      (images![n * image + i]! / 255 - mean[i % 3]!) / std[i % 3]!;
    const y = Float64Array.from({ length: sizeOf(shape) }, (_, at) => {
      const row = rows![0]! + Math.floor(at / image);
      const i = at % image;
      return mix![0]! * normal(row, i) + (1 - mix![0]!) * normal(permutation![row]!, i);
    });
    return [y];
  },
  cost: ({ inputs, outputs }) => ({
    flops: 5 * sizeOf(need(outputs, 0).shape),
    bytes: trafficOf([inputs[0], outputs[0]]),
  }),
  cases: [
    mixCase([1, 1, 1, 3], [0], 0, 1),
    mixCase([5, 3, 5, 3], [3, 0, 4, 1, 2], 2, 3),
    mixCase([4, 20, 20, 3], [1, 0, 2, 3], 0, 4),
  ],
});

function mixCase(
  shape: readonly number[],
  permutation: readonly number[],
  row: number,
  batch: number,
): Case<NormaliseOptions> {
  return {
    name: `${shape} rows ${row}+${batch}`,
    inputs: [
      { shape, dtype: 'u8' },
      { shape: [permutation.length], dtype: 'u32', values: permutation },
      { shape: [1], values: [0.3125] },
      { shape: [1], dtype: 'u32', values: [row] },
    ],
    attrs: { batch, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  };
}

/**
 * Rows rows[0] ... rows[0] + batch - 1 of a batch of images, normalised and each mixed with its partner.
 * @param images u8 [N,H,W,3] @param permutation u32 [N]: each image's partner
 * @param mix [1]: the share of the image itself, 1 for no mixing @param rows u32 [1]
 * @returns [batch,H,W,3]
 */
export const normaliseAndMix = (
  images: Tensor,
  permutation: Tensor,
  mix: Tensor,
  rows: Tensor,
  options: NormaliseOptions,
): Tensor => normaliseAndMixOp.call([images, permutation, mix, rows], options)[0]!;
