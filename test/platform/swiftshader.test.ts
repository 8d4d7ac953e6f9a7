import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cacheDir } from '../../src/platform/node/cache.js';
import { unpackSwiftShader, untar } from '../../src/platform/node/swiftshader.js';

let cache = '';
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'clew-cache-'));
  vi.stubEnv('CLEW_CACHE', cache);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

const LIBRARY_BYTES = 6_154_904; // libvk_swiftshader.so of the pinned package version

test('the bundled driver unpacks after npm ci, whole and without leftovers', async () => {
  const { loader, icd } = await unpackSwiftShader();
  const folder = dirname(icd);
  expect(folder).toBe(join(cache, 'swiftshader-143.0.0'));
  expect(readdirSync(folder).sort()).toEqual([
    'libvk_swiftshader.so',
    'libvulkan.so.1',
    'sizes.json',
    'vk_swiftshader_icd.json',
  ]);
  expect(statSync(join(folder, 'libvk_swiftshader.so')).size).toBe(LIBRARY_BYTES);
  expect(readFileSync(loader).subarray(0, 4).toString('latin1')).toBe('\x7fELF');
  expect(JSON.parse(readFileSync(icd, 'utf8')).ICD.library_path).toBe('./libvk_swiftshader.so');
});

test('a file of the wrong size is unpacked again, a complete folder is left alone', async () => {
  const { loader, icd } = await unpackSwiftShader();
  const library = join(dirname(icd), 'libvk_swiftshader.so');
  const { ino } = statSync(loader);
  await unpackSwiftShader();
  expect(statSync(loader).ino).toBe(ino);
  truncateSync(library, 1000);
  await unpackSwiftShader();
  expect(statSync(library).size).toBe(LIBRARY_BYTES);
});

test('several may unpack at once', async () => {
  const drivers = await Promise.all([1, 2, 3].map(() => unpackSwiftShader()));
  expect(new Set(drivers.map(({ icd }) => icd)).size).toBe(1);
  expect(readdirSync(dirname(drivers[0]!.icd))).toHaveLength(4);
});

test('a cache folder that cannot be is named, with the way out', async () => {
  writeFileSync(join(cache, 'file'), '');
  vi.stubEnv('CLEW_CACHE', join(cache, 'file'));
  await expect(unpackSwiftShader()).rejects.toThrow(
    `cannot unpack the software GPU into ${join(cache, 'file', 'swiftshader-143.0.0')} (set CLEW_CACHE to another folder): ENOTDIR`,
  );
});

test('untar finds files across padding and skips folders', () => {
  const entry = (name: string, type: string, text: string) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`${text.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write(type, 156);
    const data = Buffer.alloc(512 * Math.ceil(text.length / 512));
    data.write(text);
    return Buffer.concat([header, data]);
  };
  const archive = [
    entry('d/', '5', ''),
    entry('a', '0', 'x'.repeat(513)),
    entry('b', '0', 'yy'),
    Buffer.alloc(1024),
  ];
  const files = [...untar(Buffer.concat(archive))].map(({ name, data }) => [
    name,
    data.length,
    data.toString('latin1', 0, 2),
  ]);
  expect(files).toEqual([
    ['a', 513, 'xx'],
    ['b', 2, 'yy'],
  ]);
});

test('the cache folder: CLEW_CACHE, else XDG_CACHE_HOME, else the home folder', () => {
  expect(cacheDir()).toBe(cache);
  vi.stubEnv('CLEW_CACHE', undefined);
  vi.stubEnv('XDG_CACHE_HOME', '/x');
  expect(cacheDir()).toBe('/x/clew');
  vi.stubEnv('XDG_CACHE_HOME', undefined);
  expect(cacheDir()).toBe(join(homedir(), '.cache', 'clew'));
});
