/** The built-in face detector: TinyFaceDetector on our own engine, with the weights of an optional npm package. */
import { join } from 'node:path';
import sharp from 'sharp';
import type { Image } from '../data/image.js';
import { Graph } from '../engine/tensor.js';
import { UserError } from '../errors.js';
import { optionalPackage } from '../platform/node/optional.js';
import { openRuntime } from '../platform/node/runtime.js';
import type { Face } from './box.js';
import type { DetectorOptions, FaceDetector } from './detector.js';
import { readQuantisedWeights } from './quantised-weights.js';
import { bufferContents, CELL, decode, INPUT, sideOf, tinyFaceNet, WEIGHTS } from './tiny-face-net.js';

/**
 * Cells a side, in the order they are tried until a face is found. 16 (512 pixels) find all 22 faces of the sample photographs, some of
 * which the published default of 13 leaves under the threshold; 10 find the faces that fill most of the picture.
 */
const SCALES = [16, 10] as const;
/** Less sure ones are not faces. The published default is 0.5; people in videos turn away and blur. */
const THRESHOLD = 0.3;
const PACKAGE = '@vladmandic/face-api';

/** The weights that come with Clew. @throws UserError when npm has left the optional package out */
export function publishedWeights(): string {
  const root = optionalPackage(PACKAGE);
  if (root) return join(root, 'model', 'tiny_face_detector_model-weights_manifest.json');
  throw new UserError(
    `the face detector's weights are in the optional package ${PACKAGE}, which is not installed: npm install ${PACKAGE}@1.7.15, or --detector_model FILE names the weights manifest`,
  );
}

export async function openTinyFaceDetector({ model, adapter }: DetectorOptions): Promise<FaceDetector> {
  const weights = await readQuantisedWeights(model ?? publishedWeights(), WEIGHTS);
  const { runtime, name } = await openRuntime(adapter);
  const nets = SCALES.map((cells) => {
    const graph = new Graph();
    return { cells, graph, output: tinyFaceNet(graph, cells) };
  });
  const programs = await runtime.compile(
    nets.map(({ cells, graph, output }) => ({
      name: `tiny face detector ${cells}`,
      graph,
      retain: [output],
    })),
  );
  for (const [buffer, values] of bufferContents(weights)) runtime.write(buffer, values);

  async function facesIn(image: Image): Promise<Face[]> {
    const longer = Math.max(image.width, image.height);
    for (const [k, { cells, output }] of nets.entries()) {
      runtime.write(INPUT, await letterbox(image, cells));
      runtime.submit([{ run: programs[k]! }]);
      const faces = decode(await programs[k]!.inspect(output), cells, THRESHOLD);
      if (faces.length > 0) return faces.map((face) => scaled(face, longer / (cells * CELL)));
    }
    return [];
  }

  /** One picture at a time: they share the buffers. */
  let last: Promise<unknown> = Promise.resolve();
  return {
    name: `TinyFaceDetector on ${name}`,
    detect(image) {
      const next = last.then(() => facesIn(image));
      last = next.catch(() => {});
      return next;
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
async function letterbox({ width, height, data }: Image, cells: number): Promise<Float32Array> {
  const longer = Math.max(width, height);
  const [columns, rows] = [width, height].map((side) =>
    Math.max(1, Math.round((side * cells * CELL) / longer)),
  );
  const pixels = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(columns, rows, { fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer();
  const side = sideOf(cells);
  const picture = new Float32Array(side * side * 4);
  for (let i = 3; i < picture.length; i += 4) picture[i] = 1;
  for (let y = 0, from = 0; y < rows!; y++)
    for (let x = 0; x < columns!; x++, from += 3)
      for (let c = 0; c < 3; c++) picture[4 * (y * side + x) + c] = pixels[from + c]!;
  return picture;
}
