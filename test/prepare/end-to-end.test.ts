import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packagePath } from '../../src/platform/node/package-path.js';
import { write } from '../data/files.js';
import { celebDf, faceForensics } from './footage.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'clew-videos-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const main = packagePath('dist/src/cli/main.js');
const clew = (...words: string[]): string =>
  execFileSync(process.execPath, [main, ...words], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

test.each([
  [
    'FF++',
    faceForensics,
    { train_real: 2, train_fake: 2, val_real: 2, val_fake: 2, test_real: 2, test_fake: 2 },
    0,
  ],
  [
    'Celeb-DF-v2',
    celebDf,
    { train_real: 2, train_fake: 2, val_real: 2, val_fake: 1, test_real: 1, test_fake: 1 },
    1,
  ],
] as const)(
  '%s from videos to a tested detector',
  (layout, shoot, lists, warnings) => {
    const [videos, out] = [join(folder, layout), join(folder, `${layout}-crops`)];
    shoot(videos);
    const words = [videos, '-o', out, '--layout', layout, '--frames', '2'];
    const summary = JSON.parse(clew('prepare', ...words, '--json'));
    const total = Object.values(lists).reduce((a, b) => a + b, 0);
    // Which of two pairs is trained on is drawn; a pair whose forgery is tested has one forgery less.
    if (layout === 'FF++') expect(summary.bySplit).toEqual(lists);
    expect(summary).toMatchObject({
      dataset: layout,
      clips: total,
      crops: 2 * total,
      withoutFace: [],
      failed: [],
    });

    const flags = ['--dataset', layout, '--datasets', join(out, 'datasets')];
    const [{ findings, splits }] = JSON.parse(clew('data', 'check', ...flags, '--json')).datasets;
    expect(findings.length).toBe(warnings);
    expect(splits.length).toBe(3);

    const small = '--model tiny --num_LIBs 2 --size 32 --bs 8 --epoch 1 --seed 1'.split(' ');
    expect(clew('train', ...flags, ...small, '--name', `on-${layout}`)).toContain(layout);
    const checkpoint = join(folder, 'output', `on-${layout}`, 'model_best.safetensors');
    const tested = JSON.parse(clew('test', ...flags, '--resume_model', checkpoint, '--json'));
    expect(JSON.stringify(tested)).toContain(layout);
  },
  240_000,
);

test('goes on with what is there, refuses other options, and names what it could not use', () => {
  const [videos, out] = [join(folder, 'FF++'), join(folder, 'FF++-crops')];
  const words = [videos, '-o', out, '--layout', 'FF++', '--frames', '2'];
  const again = spawnSync(process.execPath, [main, 'prepare', ...words, '--margin', '1.5'], {
    encoding: 'utf8',
  });
  expect([again.status, again.stderr]).toEqual([
    2,
    expect.stringContaining('was begun with margin 1.3, now it is 1.5'),
  ]);

  write(join(videos, 'original_sequences/youtube/c23/videos/006.mp4'), 'no video at all');
  const crop = join(out, 'frames/original_sequences/youtube/c23/videos/003.mp4');
  const [first] = readdirSync(crop);
  rmSync(join(crop, first!));
  const more = spawnSync(process.execPath, [main, 'prepare', ...words], { encoding: 'utf8' });
  expect(more.status).toBe(1);
  expect(more.stdout).toMatch(
    /1 videos that cannot be used:\n {2}original_sequences\/youtube\/c23\/videos\/006\.mp4: /,
  );
  expect(readdirSync(crop).length).toBe(2);
  expect(readFileSync(join(out, 'skipped.txt'), 'utf8')).toMatch(/006\.mp4: .+/);
  expect(readFileSync(join(out, 'datasets/FF++/val_real.txt'), 'utf8')).toMatch(
    /^0,\/.*\/002\.mp4,2\n0,\/.*\/003\.mp4,2\n$/,
  );
});
