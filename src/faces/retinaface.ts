/**
 * RetinaFace (Deng et al., CVPR 2020) from a file that the PyTorch implementation biubug6/Pytorch_Retinaface exports, run by the optional
 * package onnxruntime-node. Who has its weights gets the detector with which the published data sets were cropped.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Image } from '../data/image.js';
import { messageOf, UsageError, UserError } from '../errors.js';
import { optionalPackage } from '../platform/node/optional.js';
import { type Face, suppress } from './box.js';
import type { FaceDetector } from './detector.js';

const PACKAGE = 'onnxruntime-node';

/** Sides of the priors on each feature map, in pixels, and that map's stride. */
const LEVELS = [
  { stride: 8, sides: [16, 32] },
  { stride: 16, sides: [64, 128] },
  { stride: 32, sides: [256, 512] },
] as const;
/** By which the net's offsets of centres and of sizes are scaled. */
const VARIANCES = [0.1, 0.2] as const;
/** Means of the channels B,G,R. */
const MEAN = [104, 117, 123] as const;
const THRESHOLD = 0.5;
const OVERLAP = 0.4;
/** Side of the input where the file leaves it open. */
const SIDE = 640;

/** Centre and side in pixels. */
export interface Prior {
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

/** Priors of a width x height input in the order of the net's rows: by level, row, column and side. */
export function priorsOf(width: number, height: number): Prior[] {
  return LEVELS.flatMap(({ stride, sides }) => {
    const [columns, rows] = [Math.ceil(width / stride), Math.ceil(height / stride)];
    return Array.from({ length: rows * columns }, (_, i) => {
      const [x, y] = [((i % columns) + 0.5) * stride, (Math.floor(i / columns) + 0.5) * stride];
      return sides.map((side) => ({ x, y, side }));
    }).flat();
  });
}

/**
 * @param loc [priors, 4]: offsets of centre and logarithms of size, over the variances
 * @param conf [priors, 2]: probabilities of background and face
 * @returns faces in pixels of the input, the surest first
 */
export function decode(
  loc: ArrayLike<number>,
  conf: ArrayLike<number>,
  priors: readonly Prior[],
  threshold = THRESHOLD,
): Face[] {
  const faces = priors.flatMap(({ x, y, side }, i) => {
    const score = conf[2 * i + 1]!;
    if (score <= threshold) return [];
    const width = side * Math.exp(VARIANCES[1] * loc[4 * i + 2]!);
    const height = side * Math.exp(VARIANCES[1] * loc[4 * i + 3]!);
    const [centreX, centreY] = [
      x + VARIANCES[0] * loc[4 * i]! * side,
      y + VARIANCES[0] * loc[4 * i + 1]! * side,
    ];
    return [{ score, x: centreX - width / 2, y: centreY - height / 2, width, height }];
  });
  return suppress(faces, OVERLAP);
}

/** The part of onnxruntime-node that is used. */
interface Onnx {
  readonly InferenceSession: { create(path: string): Promise<Session> };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => unknown;
}
interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata?: readonly { readonly shape?: readonly (number | string)[] }[];
  run(
    feeds: Record<string, unknown>,
  ): Promise<Record<string, { data: Float32Array; dims: readonly number[] }>>;
  release?(): Promise<void>;
}

/** @throws UserError without the package, UsageError without a model file */
export async function openRetinaFace(model: string | undefined): Promise<FaceDetector> {
  if (model === undefined)
    throw new UsageError('--detector retinaface: wants its weights, --detector_model FILE.onnx');
  if (!existsSync(model)) throw new UserError(`--detector_model ${model}: there is no such file`);
  const onnx = loadOnnx();
  let session: Session;
  try {
    session = await onnx.InferenceSession.create(model);
  } catch (cause) {
    throw new UserError(`--detector_model ${model}: ${messageOf(cause)}`, 1, { cause });
  }
  const [, , rows, columns] = session.inputMetadata?.[0]?.shape ?? [];
  const [height, width] = [rows, columns].map((side) =>
    typeof side === 'number' && side > 0 ? side : SIDE,
  ) as [number, number];
  const priors = priorsOf(width, height);
  return {
    name: `RetinaFace (${model})`,
    async detect(image) {
      const scale = Math.max(image.width / width, image.height / height);
      const input = new onnx.Tensor('float32', await planes(image, width, height, scale), [
        1,
        3,
        height,
        width,
      ]);
      const outputs = Object.values(await session.run({ [session.inputNames[0]!]: input }));
      // By their last size, since exports name them differently: 4 offsets, 2 classes (and 10 landmark coordinates).
      const [loc, conf] = [4, 2].map((size) => outputs.find(({ dims }) => dims.at(-1) === size));
      if (loc?.dims[1] !== priors.length || conf?.dims[1] !== priors.length)
        throw new UserError(
          `--detector_model ${model}: wants outputs [1, ${priors.length}, 4] and [1, ${priors.length}, 2]`,
        );
      return decode(loc.data, conf.data, priors).map(({ score, x, y, ...size }) => ({
        score,
        x: x * scale,
        y: y * scale,
        width: size.width * scale,
        height: size.height * scale,
      }));
    },
    async close() {
      await session.release?.();
    },
  };
}

function loadOnnx(): Onnx {
  const root = optionalPackage(PACKAGE);
  if (root) return createRequire(join(root, 'from.js'))(root) as Onnx;
  throw new UserError(
    `--detector retinaface: wants ${PACKAGE} (290 MB), which Clew does not install: npm install ${PACKAGE}, or --detector tiny`,
  );
}

/** [3, height, width], channels B,G,R less their means; the picture in the upper left corner, the rest at the means. */
async function planes(image: Image, width: number, height: number, scale: number): Promise<Float32Array> {
  const [columns, rows] = [Math.round(image.width / scale), Math.round(image.height / scale)];
  const pixels = await sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .resize(columns, rows, { fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer();
  const plane = width * height;
  const result = new Float32Array(3 * plane);
  for (let y = 0, from = 0; y < rows; y++)
    for (let x = 0; x < columns; x++, from += 3)
      for (let c = 0; c < 3; c++) result[c * plane + y * width + x] = pixels[from + 2 - c]! - MEAN[c]!;
  return result;
}
