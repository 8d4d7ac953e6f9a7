import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decode } from '../../src/data/decode.js';
import { packagePath } from '../../src/platform/node/package-path.js';
import { Rng } from '../../src/rng.js';
import { temporaryFolder } from '../data/files.js';
import { provideFfmpeg } from '../videos/index.js';
import { film } from './footage.js';

/** Runs prepare, killed at so many writes and renames. @returns how many a whole run makes */
function run(videos: string, out: string, ...killAt: string[]): Promise<number> {
  const words = [packagePath('test/prepare/stub-run.mjs'), videos, out, ...killAt];
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, words, (_, stdout, stderr) => {
      const killed = child.signalCode === 'SIGKILL';
      if (killed === killAt.length > 0) resolve(Number(stdout));
      else reject(new Error(`prepare ended with ${child.exitCode}: ${stderr}`));
    });
  });
}

const filesIn = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length))
    .sort();

const contents = (dir: string): string[][] =>
  filesIn(dir).map((file) => [
    file,
    createHash('sha256')
      .update(readFileSync(join(dir, file)))
      .digest('hex'),
  ]);

test('killed at ten seeded moments and run again, prepare writes the files of one run', async () => {
  provideFfmpeg();
  const root = temporaryFolder();
  const [videos, out, whole] = ['videos', 'out', 'whole'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  film(join(videos, 'real', 'a.mp4'), 0);
  film(join(videos, 'real', 'b.mp4'), 1);
  film(join(videos, 'fake', 'a.mp4'), 0, true);
  const calls = await run(videos, out);
  // Lists hold absolute paths, so every run writes to the same place.
  cpSync(out, whole, { recursive: true });
  const expected = contents(whole);
  expect(expected.filter(([file]) => file!.endsWith('.png')).length).toBe(3 * 5);

  const rng = new Rng(0, 'kill');
  const left: number[] = [];
  for (let k = 0; k < 10; k++) {
    rmSync(out, { recursive: true, force: true });
    await run(videos, out, `${2 + rng.below(calls - 2)}`);
    const images = filesInIfAny(out).filter((file) => file.endsWith('.png') && !file.includes('.tmp-'));
    for (const image of images) await decode(readFileSync(join(out, image)));
    left.push(images.length);
    await run(videos, out);
    expect(contents(out)).toEqual(expected);
  }
  // The moments are such that some kills left part of the clips.
  expect(left.filter((images) => images > 0 && images < 15).length).toBeGreaterThanOrEqual(3);
});

function filesInIfAny(dir: string): string[] {
  try {
    return filesIn(dir);
  } catch {
    return [];
  }
}
