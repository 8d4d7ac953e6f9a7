import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { messageOf, UserError } from '../../errors.js';
import { cacheDir } from './cache.js';

const PACKAGE = '@sparticuz/chromium';
const ICD = 'vk_swiftshader_icd.json';
const FILES = ['libvulkan.so.1', 'libvk_swiftshader.so', ICD];
const SIZES = 'sizes.json'; // written last: its presence says that the others are complete

/** The paths of the unpacked driver: the Vulkan loader it comes with, and the manifest that tells a loader of it. */
export interface BundledDriver {
  loader: string;
  icd: string;
}

/** The regular files of a ustar archive: 512-byte headers (name at 0, octal size at 124, type at 156), data padded to 512. */
export function* untar(archive: Buffer): Generator<{ name: string; data: Buffer }> {
  const text = (from: number, length: number) =>
    archive.toString('latin1', from, from + length).split('\0')[0]!;
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const type = text(at + 156, 1);
    if (type === '0' || type === '')
      yield { name: text(at, 100), data: archive.subarray(at + 512, at + 512 + size) };
    at += 512 + 512 * Math.ceil(size / 512);
  }
}

function packageFolder(): string {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new UserError(
      `the bundled software GPU is for Linux on x64, not ${process.platform} on ${process.arch}`,
    );
  try {
    return join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), '..', '..');
  } catch (cause) {
    throw new UserError(
      `${PACKAGE} (the bundled software GPU) is not installed: npm ci --include=optional`,
      1,
      {
        cause,
      },
    );
  }
}

function isComplete(folder: string): boolean {
  try {
    const sizes = JSON.parse(readFileSync(join(folder, SIZES), 'utf8')) as Record<string, number>;
    return FILES.every((name) => statSync(join(folder, name)).size === sizes[name]);
  } catch {
    return false;
  }
}

/** Every file appears whole, by renaming: two processes that unpack at once replace each other's files by equal ones. */
async function writeWhole(path: string, data: Buffer | string): Promise<void> {
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, data);
  await rename(temporary, path);
}

/** Unpacks SwiftShader into the cache folder, once: later calls only compare sizes. Throws a UserError where that cannot be. */
export async function unpackSwiftShader(): Promise<BundledDriver> {
  const source = packageFolder();
  const { version } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as { version: string };
  const folder = join(cacheDir(), `swiftshader-${version}`);
  if (!isComplete(folder)) {
    try {
      await mkdir(folder, { recursive: true });
      const packed = await readFile(join(source, 'bin', 'swiftshader.tar.br'));
      const files = [...untar(await promisify(brotliDecompress)(packed))].filter(({ name }) =>
        FILES.includes(name),
      );
      for (const { name, data } of files) await writeWhole(join(folder, name), data);
      const sizes = Object.fromEntries(files.map(({ name, data }) => [name, data.length]));
      await writeWhole(join(folder, SIZES), JSON.stringify(sizes));
    } catch (cause) {
      const why = messageOf(cause);
      throw new UserError(
        `cannot unpack the software GPU into ${folder} (set CLEW_CACHE to another folder): ${why}`,
        1,
        {
          cause,
        },
      );
    }
  }
  return { loader: join(folder, 'libvulkan.so.1'), icd: join(folder, ICD) };
}
