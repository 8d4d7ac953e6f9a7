/**
 * Fuzzing of the readers: CLEW_FUZZ mutated files (10,000 by `npm run fuzz:weights`, fewer among the tests). Each must load or be refused
 * by a UserError, within 2 s and 512 MB, and sound files must still load in between. Prints where files were refused.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { writeSafetensors } from '../../src/io/safetensors.js';
import { BrokenFile, readFloats } from '../../src/io/tensors.js';
import { openWeights } from '../../src/io/weights-file.js';
import { zipChunks } from '../../src/io/zip-writer.js';
import { Rng } from '../../src/rng.js';
import { mutateBytes, mutateDirectory, mutatePickle, mutateSafetensors } from './mutate.js';

const files = Number(process.env.CLEW_FUZZ ?? 1000);
const seed = Number(process.env.CLEW_FUZZ_SEED ?? 0);
const fixture = (name: string) => readFileSync(fileURLToPath(new URL(`fixtures/${name}`, import.meta.url)));

let folder: string;
let sound: Record<'zip' | 'legacy' | 'safetensors' | 'deflated', Uint8Array>;
/** Entries of the zip, to build archives anew. */
let entries: Map<string, Uint8Array>;
/** Where the legacy file's object starts and ends: its fourth pickle. */
const legacyObject = { start: 0, end: 0 };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clew-fuzz-'));
  const zip = fixture('zip.pth');
  const legacy = fixture('legacy.pth');
  entries = entriesOf(zip);
  // The system information ends with `u.`; the last pickle is a list of keys and starts with PROTO 2, EMPTY_LIST.
  legacyObject.start = legacy.indexOf(Buffer.from('752e8002', 'hex')) + 2;
  legacyObject.end = legacy.indexOf(Buffer.from('2e80025d', 'hex'), legacyObject.start) + 1;
  const path = join(folder, 'sound');
  const opened = await saved(zip, path, openWeights);
  const tensors = [...opened.tensors].map(([name, { dtype, shape, read }]) => ({
    name,
    dtype,
    shape,
    data: read,
  }));
  await writeSafetensors(join(folder, 'a.safetensors'), tensors, { clew: '{"epoch":7}' });
  await opened.close();
  const safetensors = readFileSync(join(folder, 'a.safetensors'));
  sound = { zip, legacy, safetensors, deflated: deflated(entries) };
});
afterAll(() => rmSync(folder, { recursive: true }));

async function saved<T>(bytes: Uint8Array, path: string, use: (path: string) => Promise<T>): Promise<T> {
  writeFileSync(path, bytes);
  return await use(path);
}

/** The entries of a stored archive, from its directory. */
function entriesOf(zip: Buffer): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (let at = zip.readUInt32LE(zip.length - 22 + 16); zip.readUInt32LE(at) === 0x02014b50; ) {
    const [size, nameLength, extra] = [
      zip.readUInt32LE(at + 24),
      zip.readUInt16LE(at + 28),
      zip.readUInt16LE(at + 30),
    ];
    const local = zip.readUInt32LE(at + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    found.set(zip.toString('utf8', at + 46, at + 46 + nameLength), zip.subarray(start, start + size));
    at += 46 + nameLength + extra;
  }
  return found;
}

async function packed(contents: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of zipChunks([...contents].map(([name, data]) => ({ name, data: () => data }))))
    parts.push(part);
  return Buffer.concat(parts);
}

/** An archive packed anew with compression, as zip would. */
function deflated(contents: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const [locals, records]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const [name, data] of contents) {
    const [text, body] = [Buffer.from(name), deflateRawSync(data)];
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(body.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(text.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    locals.push(Buffer.from('PK\x03\x04', 'latin1'), common, text, body);
    records.push(Buffer.from('PK\x01\x02\x14\0', 'latin1'), common, place, text);
    offset += 30 + text.length + body.length;
  }
  const directory = Buffer.concat(records);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(contents.size, 8);
  end.writeUInt16LE(contents.size, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

const mutations: Record<string, (rng: Rng) => Uint8Array | Promise<Uint8Array>> = {
  'zip, pickle': (rng) =>
    packed(
      new Map(
        [...entries].map(([name, data]) => [
          name,
          name.endsWith('data.pkl') ? mutatePickle(rng, data) : data,
        ]),
      ),
    ),
  'zip, directory': (rng) => mutateDirectory(rng, pickSound(rng, 'zip', 'deflated')),
  'zip, bytes': (rng) => mutateBytes(rng, pickSound(rng, 'zip', 'deflated'), 4),
  'legacy, pickle': (rng) => {
    const { start, end } = legacyObject;
    const { legacy } = sound;
    const object = mutatePickle(rng, legacy.subarray(start, end));
    return Buffer.concat([legacy.subarray(0, start), object, legacy.subarray(end)]);
  },
  'legacy, bytes': (rng) => mutateBytes(rng, sound.legacy, 2),
  'safetensors, header': (rng) => mutateSafetensors(rng, sound.safetensors),
  'safetensors, bytes': (rng) => mutateBytes(rng, sound.safetensors),
};
const pickSound = (rng: Rng, ...names: ('zip' | 'deflated')[]) =>
  sound[names[Math.floor(rng.uniform() * names.length)]!];

/** Opens a file and reads all its tensors. @returns how far it came */
async function stageOf(path: string): Promise<string> {
  try {
    const file = await openWeights(path);
    try {
      for (const name of file.tensors.keys()) await readFloats(file, name);
    } finally {
      await file.close();
    }
    return 'loaded';
  } catch (error) {
    if (error instanceof BrokenFile) return error.stage;
    if (error instanceof UserError) return 'refused otherwise';
    throw error;
  }
}

test('mutated files load or are refused, within 2 s and 512 MB, and sound neighbours load', async () => {
  const kinds = Object.keys(mutations);
  const counts = new Map<string, number>();
  const path = join(folder, 'mutated');
  let [slowest, largest] = [0, 0];
  for (let i = 0; i < files; i++) {
    const kind = kinds[i % kinds.length]!;
    writeFileSync(path, await mutations[kind]!(new Rng(seed, 'fuzz', `${i}`)));
    const start = performance.now();
    const stage = await stageOf(path).catch((error: unknown) => {
      throw new Error(`file ${i} of seed ${seed} (${kind})`, { cause: error });
    });
    slowest = Math.max(slowest, performance.now() - start);
    largest = Math.max(largest, process.memoryUsage.rss());
    counts.set(`${kind}: ${stage}`, (counts.get(`${kind}: ${stage}`) ?? 0) + 1);
    if (i % 100 === 0)
      for (const bytes of Object.values(sound)) expect(await saved(bytes, path, stageOf)).toBe('loaded');
  }
  const past = [...counts].reduce(
    (n, [key, count]) => n + (/: (signature|header|zip directory)$/.test(key) ? 0 : count),
    0,
  );
  console.log(
    [
      ...[...counts].sort().map(([key, count]) => `${`${count}`.padStart(6)}  ${key}`),
      `${files} files of seed ${seed}, ${((100 * past) / files).toFixed(1)} % past the header; slowest ${slowest.toFixed(0)} ms, at most ${(largest / 1e6).toFixed(0)} MB of memory`,
    ].join('\n'),
  );
  expect(past / files).toBeGreaterThan(0.4);
  expect(slowest).toBeLessThan(2000);
  expect(largest).toBeLessThan(512e6);
}, 1_200_000);
