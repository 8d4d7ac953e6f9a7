// The whole of `clew prepare` but for the network: one face in the middle of each frame. node stub-run.mjs VIDEO_DIR OUT [KILL_AT]
// With KILL_AT, the process kills itself (SIGKILL) at that call of the functions that write and rename files.
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const [videos, out, killAt] = process.argv.slice(2);
let calls = 0;
for (const name of ['writeFile', 'rename']) {
  const real = fs[name];
  fs[name] = (...given) => {
    calls++;
    if (calls === Number(killAt)) process.kill(process.pid, 'SIGKILL');
    return real(...given);
  };
}
syncBuiltinESMExports();
const { prepare } = await import('../../dist/src/prepare/prepare.js');
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
console.log(calls);
