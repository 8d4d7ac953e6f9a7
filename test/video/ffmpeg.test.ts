import { join } from 'node:path';
import { expect, test } from 'vitest';
import { frameIndices, VideoFile } from '../../src/video/ffmpeg.js';
import { readPpm } from '../../src/video/ppm.js';
import { temporaryFolder } from '../data/files.js';
import { ffmpeg, provideFfmpeg } from '../videos/index.js';

test.each([
  [100, { count: 4, every: 1 }, [12, 37, 62, 87]],
  [3, { count: 32, every: 1 }, [0, 1, 2]],
  [10, { every: 4 }, [0, 4, 8]],
  [100, { count: 2, every: 10 }, [20, 70]],
] as const)('of %s frames, %o takes %j', (total, sampling, indices) =>
  expect(frameIndices(total, sampling)).toEqual(indices));

test('gives exactly the frames asked for, few, regular, irregular and many', async () => {
  const path = join(temporaryFolder(), 'gray.mkv');
  // Frame n is of gray n mod 251, without loss; its time stamps are irregular.
  const frames = "geq=lum='mod(N,251)':cb=128:cr=128,setpts='(N+floor(N/7))/25/TB'";
  ffmpeg('-f', 'lavfi', '-i', 'color=s=16x16:r=25:d=100', '-vf', frames, '-vsync', '0', '-c:v', 'ffv1', path);
  const video = new VideoFile(provideFfmpeg(), path);
  const total = await video.countFrames();
  expect(total).toBe(2500);
  for (const indices of [
    [3],
    [0, 9, 10],
    frameIndices(total, { every: 100 }),
    frameIndices(total, { count: 333, every: 1 }),
    frameIndices(total, { count: 2200, every: 1 }),
  ]) {
    const got: number[] = [];
    const grays: number[] = [];
    for await (const { index, image } of video.frames(indices)) {
      got.push(index);
      grays.push(image.data[0]!);
    }
    expect(got).toEqual(indices);
    // Video levels to full ones: 16..235 to 0..255.
    const full = (gray: number) => Math.min(255, Math.max(0, ((gray - 16) * 255) / 219));
    expect(Math.max(...grays.map((gray, i) => Math.abs(gray - full(indices[i]! % 251))))).toBeLessThan(2);
  }
  expect([...video.complaints]).toEqual([]);
});

test('pictures come whole out of a stream that is cut anywhere', async () => {
  const picture = (width: number, height: number, value: number) =>
    Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), Buffer.alloc(3 * width * height, value)]);
  const bytes = Buffer.concat([picture(4, 2, 1), picture(3, 5, 2), picture(1, 1, 3)]);
  for (let size = 1; size <= bytes.length; size++) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    const seen: number[][] = [];
    for await (const { width, height, data } of readPpm(stream(pieces), 100))
      seen.push([width, height, data.length, data[0]!]);
    expect(seen).toEqual([
      [4, 2, 24, 1],
      [3, 5, 45, 2],
      [1, 1, 3, 3],
    ]);
  }
  const read = async (text: Buffer) => {
    for await (const _ of readPpm(stream([text]), 100));
  };
  await expect(read(bytes.subarray(0, 50))).rejects.toThrow('ends within a frame');
  await expect(read(picture(11, 10, 0))).rejects.toThrow('11 x 10 are more than');
  await expect(read(Buffer.alloc(64))).rejects.toThrow('something else than frames');
});

async function* stream(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
}
