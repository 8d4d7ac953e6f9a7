/**
 * Broken inputs of the data commands, CLEW_FUZZ of them (npm run fuzz:data: 1,000). Each must end in an error that names its cause, in
 * time, in bounded memory, and its sound neighbour must still load.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkDataset } from '../../src/data/check.js';
import { decode } from '../../src/data/decode.js';
import { Decoder } from '../../src/data/decoder.js';
import type { FaceDetector } from '../../src/faces/detector.js';
import { prepareClip } from '../../src/prepare/clip.js';
import { Rng } from '../../src/rng.js';
import { VideoFile } from '../../src/video/ffmpeg.js';
import { pixels, raw } from '../data/files.js';
import { ffmpeg, provideFfmpeg } from '../videos/index.js';
import { JPEG, LISTS, MP4, type Mutation, PNG } from './mutations.js';

const INPUTS = Number(process.env.CLEW_FUZZ ?? 40);
const counts = {
  images: Math.round(0.6 * INPUTS),
  videos: Math.round(0.2 * INPUTS),
  lists: Math.round(0.2 * INPUTS),
};
const MAX_SECONDS = 2;
const MAX_BYTES = 512 * 2 ** 20;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'clew-fuzz-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A case of a seed: its mutation, and whether the result gets past the header. */
const draw = (mutations: readonly Mutation[], kind: string, seed: number) => {
  const rng = new Rng(seed, 'fuzz', kind);
  return { mutation: mutations[rng.below(mutations.length)]!, rng };
};

const hasHeader = async (bytes: Buffer): Promise<boolean> => {
  try {
    return (await sharp(bytes).metadata()).width > 0;
  } catch {
    return false;
  }
};

/** Wall time, since processor time would hide a process that waits; the best of three, since other work may hold the machine. */
async function timed<T>(call: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let attempt = 1; ; attempt++) {
    const start = performance.now();
    const value = await call();
    fastest = Math.min(fastest, (performance.now() - start) / 1000);
    if (fastest < MAX_SECONDS || attempt === 3) return { value, seconds: fastest };
  }
}

const isNamed = (cause: string): boolean =>
  /^[^\n]{4,300}$/.test(cause) && !/undefined|\[object|at .*:\d+:\d+/.test(cause);

describe('images', () => {
  test('are read right or named, and the check and the decoder of training agree on which', async () => {
    const dir = join(folder, 'images');
    const lists = join(dir, 'datasets', 'X');
    const sound = [64, 96].map((side) => raw(pixels(side, side, 3), side, side, 3));
    const originals = {
      png: await Promise.all(sound.map((image) => image.clone().png().toBuffer())),
      jpg: await Promise.all(sound.map((image) => image.clone().jpeg({ quality: 80 }).toBuffer())),
    };
    const before = process.resourceUsage().maxRSS * 1024;
    let passed = 0;
    let slowest = 0;
    const failed: string[] = [];
    const lines: string[] = [];
    for (let seed = 0; seed < counts.images; seed++) {
      const kind = seed % 2 ? 'png' : 'jpg';
      const { mutation, rng } = draw(kind === 'png' ? PNG : JPEG, 'image', seed);
      const bytes = mutation.apply(originals[kind][rng.below(2)]!, rng);
      // Every tenth has the other's extension.
      const extension = seed % 10 === 0 ? (kind === 'png' ? 'jpg' : 'png') : kind;
      const clip = join(dir, 'clips', `${seed}`);
      mkdirSync(clip, { recursive: true });
      writeFileSync(join(clip, `broken.${extension}`), bytes);
      writeFileSync(join(clip, 'sound.png'), originals.png[0]!);
      lines.push(`1,${clip},2`);
      if (await hasHeader(bytes)) passed++;
      const { value, seconds } = await timed(() =>
        decode(bytes).then(
          (image) => image,
          (error: Error) => error,
        ),
      );
      slowest = Math.max(slowest, seconds);
      if (value instanceof Error) {
        failed.push(join(clip, `broken.${extension}`));
        expect(isNamed(value.message), `${mutation.name} ${seed}: ${value.message}`).toBe(true);
      } else
        expect([value.data.length, mutation.name]).toEqual([value.width * value.height * 3, mutation.name]);
    }
    expect(passed / counts.images).toBeGreaterThanOrEqual(0.4);
    expect(failed.length).toBeGreaterThan(counts.images / 3);
    expect(slowest).toBeLessThan(MAX_SECONDS);

    mkdirSync(lists, { recursive: true });
    for (const list of ['train_real', 'test_real', 'test_fake'])
      writeFileSync(join(lists, `${list}.txt`), '');
    writeFileSync(join(lists, 'train_fake.txt'), lines.join('\n'));
    const report = await checkDataset('X', { datasets: join(dir, 'datasets') });
    const unreadable = report.findings.find(({ cause }) => cause === 'image that cannot be read');
    expect(unreadable!.count).toBe(failed.length);
    expect(report.images.read).toBe(2 * counts.images - failed.length);

    const decoder = new Decoder({ workers: 2, size: 32, channelOrder: 'bgr' });
    const files = lines.flatMap((line) =>
      ['png', 'jpg'].map((extension) => join(line.split(',')[1]!, `broken.${extension}`)),
    );
    await Promise.all(files.map((file) => decoder.decode(file)));
    expect(failed.filter((file) => !decoder.bad.has(file))).toEqual([]);
    expect(decoder.bad.size).toBe(counts.images + failed.length);
    await decoder.close();
    expect(process.resourceUsage().maxRSS * 1024 - before).toBeLessThan(MAX_BYTES);
  }, 600_000);
});

describe('videos', () => {
  const middle: FaceDetector = {
    name: 'a face in the middle',
    detect: async ({ width, height }) => [
      { x: width / 4, y: height / 4, width: width / 2, height: height / 2, score: 1 },
    ],
    close: async () => {},
  };

  test('give the crops of the frames that can be read, or a named cause, and leave no half folder', async () => {
    const original = join(folder, 'original.mp4');
    ffmpeg(
      '-f',
      'lavfi',
      '-i',
      'testsrc=s=160x120:r=25:d=0.6',
      '-pix_fmt',
      'yuv420p',
      '-g',
      '5',
      '-movflags',
      '+faststart',
      original,
    );
    const bytes = readFileSync(original);
    const program = limited(provideFfmpeg());
    const options = { sampling: { count: 4, every: 1 }, margin: 1.3 };
    const neighbour = await prepareClip(
      new VideoFile(program, original),
      join(folder, 'neighbour'),
      middle,
      options,
    );
    expect(neighbour).toEqual({ frames: 4, crops: 4, people: 1, complaints: [] });
    const before = process.resourceUsage().maxRSS * 1024;
    let [passed, slowest, refused, complained] = [0, 0, 0, 0];
    for (let seed = 0; seed < counts.videos; seed++) {
      const { mutation, rng } = draw(MP4, 'video', seed);
      const file = join(folder, `video-${seed}${seed % 10 === 0 ? '.avi' : '.mp4'}`);
      writeFileSync(file, mutation.apply(bytes, rng));
      const out = join(folder, `crops-${seed}`);
      let packets = 0;
      const { value, seconds } = await timed(async () => {
        const video = new VideoFile(program, file);
        try {
          return await prepareClip(video, out, middle, options);
        } catch (error) {
          packets = video.packets;
          return error as Error;
        }
      });
      slowest = Math.max(slowest, seconds);
      if (value instanceof Error) {
        refused++;
        expect(isNamed(value.message), `${mutation.name} ${seed}: ${value.message}`).toBe(true);
        // Past the header means: the demuxer gave packets, and only the decoder failed.
        if (packets > 0) passed++;
      } else {
        passed++;
        if (value.complaints.length > 0) complained++;
        expect(value.crops).toBe(value.frames);
        expect(value.frames === 4 || value.complaints.length > 0, `${mutation.name} ${seed}`).toBe(true);
      }
      rmSync(out, { recursive: true, force: true });
      rmSync(file);
    }
    expect(passed / counts.videos).toBeGreaterThanOrEqual(0.4);
    expect(refused).toBeGreaterThan(counts.videos / 8);
    expect(complained).toBeGreaterThan(counts.videos / 20);
    expect(slowest).toBeLessThan(MAX_SECONDS);
    expect(process.resourceUsage().maxRSS * 1024 - before).toBeLessThan(MAX_BYTES);
  }, 600_000);

  /** ffmpeg under a limit of its address space, where a shell can set one: an allocation over it fails, and is named. */
  function limited(program: string): string {
    if (process.platform === 'win32') return program;
    const path = join(folder, 'ffmpeg-limited');
    writeFileSync(path, `#!/bin/sh\nulimit -v ${MAX_BYTES / 1024}\nexec ${program} "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }
});

test('lists: each broken line is found and counted, and the sound ones load', async () => {
  const png = await raw(pixels(8, 8, 3), 8, 8, 3)
    .png()
    .toBuffer();
  const dir = join(folder, 'lists');
  const lists = join(dir, 'datasets', 'X');
  const lines = Array.from({ length: 5 }, (_, i) => `1,clips/${i},1`);
  for (let i = 0; i < lines.length; i++) {
    mkdirSync(join(dir, 'clips', `${i}`), { recursive: true });
    writeFileSync(join(dir, 'clips', `${i}`, '0.png'), png);
  }
  mkdirSync(lists, { recursive: true });
  for (const list of ['train_real', 'test_real', 'test_fake']) writeFileSync(join(lists, `${list}.txt`), '');
  let slowest = 0;
  for (let seed = 0; seed < counts.lists; seed++) {
    const rng = new Rng(seed, 'fuzz', 'list');
    const mutation = LISTS[seed % LISTS.length]!;
    const { bytes, sound } = mutation.apply(lines, rng);
    writeFileSync(join(lists, 'train_fake.txt'), bytes);
    const { value, seconds } = await timed(() =>
      checkDataset('X', { datasets: join(dir, 'datasets'), dataRoot: dir }),
    );
    slowest = Math.max(slowest, seconds);
    const named = value.findings.filter(({ cause }) => !/one class/.test(cause));
    expect([mutation.name, value.images.read]).toEqual([mutation.name, sound]);
    expect(named.length > 0, `${mutation.name} ${seed}`).toBe(sound < lines.length);
    expect(
      named.flatMap(({ examples }) => examples).every((example) => /train_fake\.txt:\d+: /.test(example)),
    ).toBe(true);
  }
  expect(slowest).toBeLessThan(MAX_SECONDS);
}, 300_000);
