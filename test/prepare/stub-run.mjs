// The whole of `clew prepare` but for the network: one face in the middle of each frame. node stub-run.mjs VIDEO_DIR OUT
import { prepare } from '../../dist/src/prepare/prepare.js';

const [videos, out] = process.argv.slice(2);
const detector = {
  name: 'a face in the middle',
  detect: async ({ width, height }) => [
    { x: width / 4, y: height / 4, width: width / 2, height: height / 2, score: 1 },
  ],
  close: async () => {},
};
const options = {
  videos,
  out,
  layout: 'folders',
  compression: 'c23',
  sampling: { count: 5, every: 1 },
  margin: 1.3,
  seed: 0,
};
await prepare(
  { ...options, detector: 'tiny', detectorModel: undefined, workers: 2 },
  { ffmpeg: 'ffmpeg', detector, signal: new AbortController().signal, progress: () => {} },
);
