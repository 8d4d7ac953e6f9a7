import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decode as decodeImage } from '../../src/data/decode.js';
import { BOXES } from '../../src/data/photographs/boxes.js';
import { ReferenceRuntime } from '../../src/engine/reference-runtime.js';
import type { Runtime } from '../../src/engine/runtime.js';
import { Graph } from '../../src/engine/tensor.js';
import type { FaceDetector } from '../../src/faces/detector.js';
import { readQuantisedWeights } from '../../src/faces/quantised-weights.js';
import { openTinyFaceDetector, publishedWeights } from '../../src/faces/tiny-face-detector.js';
import {
  bufferContents,
  decode,
  INPUT,
  sideOf,
  tinyFaceNet,
  WEIGHTS,
} from '../../src/faces/tiny-face-net.js';
import { openRuntime } from '../../src/platform/node/runtime.js';
import { Rng } from '../../src/rng.js';
import { frameIndices, VideoFile } from '../../src/video/ffmpeg.js';
import { temporaryFolder, write } from '../data/files.js';
import { provideFfmpeg, TALKING_HEADS, talkingHead } from '../videos/index.js';

/** Of each video; CLEW_FACE_FRAMES=250 looks at 750. */
const FRAMES = Number(process.env.CLEW_FACE_FRAMES ?? 7);

describe('the published detector', () => {
  let detector: FaceDetector;
  beforeAll(async () => {
    detector = await openTinyFaceDetector({});
  });
  afterAll(() => detector.close());

  test('finds at least 20 of the 22 faces of six photographs, and nothing else', async () => {
    const photographs = join(dirname(publishedWeights()), '..', 'demo');
    // The 22nd looks down: the data set of photographs leaves it out.
    const people = [...BOXES, { photo: 'sample2.jpg', x: 413, y: 297, side: 290, angle: 0 }];
    let [found, other] = [0, 0];
    for (const photo of new Set(people.map((person) => person.photo))) {
      const faces = await detector.detect(await decodeImage(readFileSync(join(photographs, photo))));
      const own = people.filter((person) => person.photo === photo);
      const isOf = (face: (typeof faces)[number], { x, y, side }: (typeof people)[number]) =>
        Math.hypot(face.x + face.width / 2 - x, face.y + face.height / 2 - y) < side / 3;
      found += own.filter((person) => faces.some((face) => isOf(face, person))).length;
      other += faces.filter((face) => !own.some((person) => isOf(face, person))).length;
    }
    expect(people.length).toBe(22);
    expect(found).toBeGreaterThanOrEqual(20);
    expect(other).toBe(0);
  });

  test('finds a face in at least 95% of the frames of talking heads', async () => {
    let [seen, found] = [0, 0];
    for (const name of TALKING_HEADS) {
      const video = new VideoFile(provideFfmpeg(), talkingHead(name));
      const total = await video.countFrames();
      const indices = frameIndices(total, { count: FRAMES, every: 1 });
      for await (const { image } of video.frames(indices)) {
        seen++;
        const [face] = await detector.detect(image);
        if (face && face.width > image.width / 8 && face.x > 0 && face.x + face.width < image.width) found++;
      }
    }
    console.log(`a face in ${found} of ${seen} frames`);
    expect(seen).toBe(FRAMES * TALKING_HEADS.length);
    expect(found / seen).toBeGreaterThanOrEqual(0.95);
  });
});

test('computes on the GPU what the float64 reference computes', async () => {
  const weights = bufferContents(await readQuantisedWeights(publishedWeights(), WEIGHTS));
  const rng = new Rng(1);
  const picture = Float32Array.from({ length: sideOf(2) ** 2 * 4 }, (_, i) =>
    i % 4 === 3 ? 1 : rng.below(256),
  );
  const outputs = async (runtime: Runtime) => {
    const graph = new Graph();
    const output = tinyFaceNet(graph, 2);
    const [program] = await runtime.compile([{ name: 'net', graph, retain: [output] }]);
    for (const [buffer, values] of weights) runtime.write(buffer, values);
    runtime.write(INPUT, picture);
    runtime.submit([{ run: program! }]);
    const values = [...(await program!.inspect(output))];
    await runtime.close();
    return values;
  };
  const [gpu, reference] = [
    await outputs((await openRuntime()).runtime),
    await outputs(new ReferenceRuntime()),
  ];
  expect(reference.length).toBe(9 * 25);
  const largest = Math.max(...reference.map(Math.abs));
  expect(Math.max(...reference.map((value, i) => Math.abs(value - gpu[i]!))) / largest).toBeLessThan(1e-5);
});

test('decodes a cell by hand: sigmoids within the cell, exponentials of the anchor', () => {
  const cells = 3;
  const output = new Float64Array((cells + 1) ** 2 * 25).fill(-20);
  // Row 2, column 1 (behind the surplus row and column), third anchor: 2.882459 x 3.518061 cells.
  output.set([0, Math.log(3), Math.log(2), 0, Math.log(9)], ((2 + 1) * 4 + 1 + 1) * 25 + 2 * 5);
  const [face, ...others] = decode(output, cells, 0.5);
  expect(others).toEqual([]);
  expect(face!.score).toBeCloseTo(0.9, 12);
  expect(face!.width).toBeCloseTo(32 * 2.882459 * 2, 9);
  expect(face!.height).toBeCloseTo(32 * 3.518061, 9);
  expect(face!.x + face!.width / 2).toBeCloseTo(32 * 1.5, 9);
  expect(face!.y + face!.height / 2).toBeCloseTo(32 * 2.75, 9);
});

test('weights that are cut off, or of another network, are named', async () => {
  const folder = temporaryFolder();
  const manifest = JSON.parse(readFileSync(publishedWeights(), 'utf8'));
  const path = write(join(folder, 'm.json'), JSON.stringify(manifest));
  await expect(readQuantisedWeights(path, WEIGHTS)).rejects.toThrow(
    /weights of the face detector: ENOENT.*tiny_face_detector_model\.bin/,
  );
  write(join(folder, 'tiny_face_detector_model.bin'), new Uint8Array(1000));
  await expect(readQuantisedWeights(path, WEIGHTS)).rejects.toThrow(
    /cut off at tensor conv1\/pointwise_filter/,
  );
  await expect(readQuantisedWeights(write(join(folder, 'n.json'), '{}'), WEIGHTS)).rejects.toThrow(
    /not a manifest/,
  );
});
