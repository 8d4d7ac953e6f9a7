import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.js';
import { Canvas } from '../../src/report/canvas.js';
import { makeTinySet, type TinySet } from '../train/faces.js';

let folder: string;
let set: TinySet;
let face: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clew-sheets-'));
  set = await makeTinySet(folder);
  face = join(folder, 'frames/test/fake/0.mp4/0.png');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

async function clew(...words: string[]): Promise<{ code: number; said: string }> {
  const said: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  vi.spyOn(console, 'error').mockImplementation((text) => void said.push(String(text)));
  return { code: await runProgram(words), said: said.join('') };
}

const pixelsOf = async (file: string) => {
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  return {
    width: info.width,
    height: info.height,
    at: (x: number, y: number) => [...data.subarray(3 * (y * info.width + x)).subarray(0, 3)],
  };
};

test('clew augment draws the image and its draws', async () => {
  const out = join(folder, 'sheet.png');
  const { code, said } = await clew('augment', '--image', face, '--n', '6', '-o', out, '--size', '64');
  expect({ code, said }).toEqual({ code: 0, said: `wrote ${out}: the image and 6 draws\n` });
  const sheet = await pixelsOf(out);
  // Seven pictures in rows of three, with 6 pixels around each.
  expect(sheet.width).toBe(6 + 3 * (64 + 6));
  const original = (await sharp(face).removeAlpha().raw().toBuffer()).subarray(0, 3);
  // 32 to 64: the corner pixel is the file's.
  expect(sheet.at(6, 6)).toEqual([...original]);
});

test('clew augment without augmentation shows the same picture n times, in its own colours', async () => {
  const out = join(folder, 'same.png');
  await clew('augment', '--image', face, '--n', '1', '-o', out, '--size', '32', '--augment', 'none');
  const sheet = await pixelsOf(out);
  // Below the pictures one line of text: original, nothing; each letter is 6 pixels wide, so both break after 5 letters.
  expect([sheet.width, sheet.height]).toEqual([6 + 2 * 38, 6 + 32 + 6 + 2 * 9 + 6]);
  for (let i = 0; i < 32; i++) expect(sheet.at(6 + i, 6 + i)).toEqual(sheet.at(44 + i, 6 + i));
});

test('clew augment and --augment FILE name what is wrong', async () => {
  expect(await clew('augment')).toEqual({ code: 2, said: 'clew: augment: wants --image FILE' });
  const gone = join(folder, 'gone.png');
  expect(await clew('augment', '--image', gone)).toEqual({
    code: 1,
    said: `clew: cannot read ${gone}: there is no such file; check the path (ENOENT)`,
  });
  const huge = join(folder, 'huge.png');
  writeFileSync(huge, '');
  truncateSync(huge, 3 * 2 ** 30); // a hole: it takes no space
  expect(await clew('augment', '--image', huge)).toEqual({
    code: 1,
    said: `clew: cannot read ${huge}: it is over 2 GiB; check the path (ERR_FS_FILE_TOO_LARGE)`,
  });
  const list = join(folder, 'mine.json');
  writeFileSync(list, '[{ "op": "to_gray", "p": 2 }]');
  expect(await clew('augment', '--image', face, '--augment', list)).toEqual({
    code: 2,
    said: `clew: --augment ${list}: [0].p: wants a probability from 0 to 1; got 2`,
  });
  writeFileSync(list, '[{');
  expect((await clew('augment', '--image', face, '--augment', list)).said).toMatch(
    /^clew: --augment .*mine.json: .*JSON/,
  );
  expect((await clew('augment', '--image', face, '--augment', 'refrence')).said).toBe(
    'clew: --augment refrence: no such file; wants reference, none or a JSON file',
  );
});

test('clew data show draws reals and fakes of each split', async () => {
  const out = join(folder, 'faces.png');
  const words = ['--dataset', set.name, '--datasets', set.datasets, '--n', '3', '--size', '32', '-o', out];
  expect(await clew('data', 'show', ...words)).toEqual({ code: 0, said: `wrote ${out}: 6 rows\n` });
  const sheet = await pixelsOf(out);
  expect(sheet.width).toBe(6 + 3 * 38);
  // Title, picture, and a caption of 5 letters a line: 0.mp4, 2.png.
  expect(sheet.height).toBe(6 + 6 * (9 + 6 + 32 + 6 + 2 * 9 + 6));
  const frame = await sharp(join(folder, 'frames/train/real/0.mp4/2.png')).raw().toBuffer();
  expect(sheet.at(6, 6 + 15)).toEqual([...frame.subarray(0, 3)]);
  expect((await clew('data')).said).toBe('clew: data: wants `clew data` with check, demo-real or show');
});

test('a canvas writes letters, and cuts off what is outside', async () => {
  const out = join(folder, 'canvas.png');
  const canvas = new Canvas(12, 9);
  canvas.write('tL', 0, 1);
  canvas.fill(10, -5, 100, 7, [1, 2, 3]);
  await canvas.save(out);
  const { at } = await pixelsOf(out);
  const ink = (x: number, y: number) => at(x, y)[0] === 0;
  expect([0, 1, 2, 3, 4].map((x) => ink(x, 1))).toEqual([true, true, true, true, true]);
  expect([ink(2, 7), ink(0, 7), ink(6, 1), ink(6, 7), ink(9, 7)]).toEqual([true, false, true, true, true]);
  expect(at(11, 1)).toEqual([1, 2, 3]);
  expect(at(11, 2)).toEqual([255, 255, 255]);
});
