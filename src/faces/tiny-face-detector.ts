/** The built-in face detector: TinyFaceDetector on our own engine, with the weights of an optional npm package. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { Image } from '../data/image.js';
import { Graph } from '../engine/tensor.js';
import { UserError } from '../errors.js';
import { openRuntime } from '../platform/node/runtime.js';
import type { Face } from './box.js';
import type { DetectorOptions, FaceDetector } from './detector.js';
import { readQuantisedWeights } from './quantised-weights.js';
import { bufferContents, CELL, decode, INPUT, sideOf, tinyFaceNet, WEIGHTS } from './tiny-face-net.js';

/** 13 cells a side, 416 pixels: the published default. */
const CELLS = 13;
/** Faces that are less sure are not faces. The published default is 0.5; video frames are blurred and turn away. */
const THRESHOLD = 0.4;
const PACKAGE = '@vladmandic/face-api';

/** The weights that come with Clew. @throws UserError when npm has left the optional package out */
export function publishedWeights(): string {
  try {
    const root = dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`));
    return join(root, 'model', 'tiny_face_detector_model-weights_manifest.json');
  } catch (cause) {
    throw new UserError(
      `the face detector's weights are in the optional package ${PACKAGE}, which is not installed: npm install ${PACKAGE}@1.7.15, or --detector_model FILE names the weights manifest`,
      1,
      { cause },
    );
  }
}

export async function openTinyFaceDetector({ model, adapter }: DetectorOptions): Promise<FaceDetector> {
  const weights = await readQuantisedWeights(model ?? publishedWeights(), WEIGHTS);
  const { runtime, name } = await openRuntime(adapter);
  const graph = new Graph();
  const output = tinyFaceNet(graph, CELLS);
  const [program] = await runtime.compile([{ name: 'tiny face detector', graph, retain: [output] }]);
  for (const [buffer, values] of bufferContents(weights)) runtime.write(buffer, values);

  /** One picture at a time: they share the buffers. */
  let last: Promise<unknown> = Promise.resolve();
  async function run(picture: Float32Array): Promise<ArrayLike<number>> {
    runtime.write(INPUT, picture);
    runtime.submit([{ run: program! }]);
    return program!.inspect(output);
  }

  return {
    name: `TinyFaceDetector on ${name}`,
    async detect(image) {
      const picture = await letterbox(image);
      const next = last.then(() => run(picture));
      last = next.catch(() => {});
      const scale = Math.max(image.width, image.height) / (CELLS * CELL);
      return decode(await next, CELLS, THRESHOLD).map((face) => scaled(face, scale));
    },
    async close() {
      await last;
      await runtime.close();
    },
  };
}

const scaled = ({ score, x, y, width, height }: Face, by: number): Face => ({
  score,
  x: x * by,
  y: y * by,
  width: width * by,
  height: height * by,
});

/** Scales a picture to fill the upper left of the net's input, the rest black, and adds the channel of ones. */
async function letterbox({ width, height, data }: Image): Promise<Float32Array> {
  const longer = Math.max(width, height);
  const [columns, rows] = [width, height].map((side) =>
    Math.max(1, Math.round((side * CELLS * CELL) / longer)),
  );
  const pixels = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(columns, rows, { fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer();
  const side = sideOf(CELLS);
  const picture = new Float32Array(side * side * 4);
  for (let i = 3; i < picture.length; i += 4) picture[i] = 1;
  for (let y = 0, from = 0; y < rows!; y++)
    for (let x = 0; x < columns!; x++, from += 3)
      for (let c = 0; c < 3; c++) picture[4 * (y * side + x) + c] = pixels[from + c]!;
  return picture;
}
