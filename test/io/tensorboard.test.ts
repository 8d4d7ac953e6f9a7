import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { disk } from '../../src/io/files.js';
import { crc32c, EventWriter, maskedCrc, removeEvents } from '../../src/io/tensorboard.js';

const intact = { ...disk };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clew-events-'));
});
afterEach(() => {
  Object.assign(disk, intact);
  rmSync(folder, { recursive: true });
});

/** CRC-32C one bit at a time, most significant first: the definition, unlike the table of the program. */
function slowCrc32c(bytes: Uint8Array): number {
  const reverse = (x: number, width: number) =>
    Number.parseInt(x.toString(2).padStart(width, '0').split('').reverse().join(''), 2);
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= reverse(byte, 8) << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 || crc > 0x7fffffff ? (crc << 1) ^ 0x1edc6f41 : crc << 1;
  }
  return reverse(~crc >>> 0, 32);
}

type Field = number | bigint | Buffer;

/** A protobuf message, field by field: [number, value] with fixed64 and fixed32 as their bytes. */
function fields(message: Buffer): [number, Field][] {
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (n: number) => {
    at += n;
    return message.subarray(at - n, at);
  };
  const found: [number, Field][] = [];
  while (at < message.length) {
    const key = Number(varint());
    const wire = key & 7;
    const value =
      wire === 0 ? varint() : wire === 1 ? take(8) : wire === 5 ? take(4) : take(Number(varint()));
    found.push([key >> 3, value]);
  }
  return found;
}

/** The records of an event file, their framing checked. */
function records(file: Buffer): Map<number, Field>[] {
  const mask = (crc: number) => Number(((BigInt(crc) * 2n ** 17n) % 2n ** 32n) + BigInt(crc >>> 15));
  const masked = (bytes: Buffer) => (mask(slowCrc32c(bytes)) + 0xa282ead8) % 2 ** 32;
  const messages: Map<number, Field>[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(masked(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(data.length).toBe(length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(masked(data));
    messages.push(new Map(fields(data)));
    at += length + 16;
  }
  return messages;
}

test('crc32c of the check string and of RFC 3720', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(slowCrc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(maskedCrc(Buffer.from('123456789'))).toBe(0xc78ab0e5);
});

test('an independent decoder reads what was written', async () => {
  const writer = new EventWriter(join(folder, 'runs', 'a'), { now: () => 1_700_000_000_250 });
  writer.scalar('Test_True/AUC_value', 0.8125, 1);
  writer.scalar('Test_False/Loss_value', -3.5, 300);
  await writer.flush();
  await writer.flush();
  writer.scalar('Test_True/AUC_value', Number.NaN, 2 ** 40);
  await writer.close();
  expect(writer.path).toMatch(/[/]runs[/]a[/]events\.out\.tfevents\.1700000000\..+\.\d+\.\d+\.clew$/);

  const [version, ...scalars] = records(readFileSync(writer.path));
  expect((version!.get(1) as Buffer).readDoubleLE()).toBe(1_700_000_000.25);
  expect(`${version!.get(3)}`).toBe('brain.Event:2');
  const read = scalars.map((event) => {
    expect((event.get(1) as Buffer).readDoubleLE()).toBe(1_700_000_000.25);
    const [[number, value], ...others] = fields(event.get(5) as Buffer) as [[number, Buffer]];
    expect([number, others.length]).toEqual([1, 0]);
    const { 1: tag, 2: simple } = Object.fromEntries(fields(value)) as Record<number, Buffer>;
    return [`${tag}`, simple!.readFloatLE(), event.get(2)];
  });
  expect(read).toEqual([
    ['Test_True/AUC_value', 0.8125, 1n],
    ['Test_False/Loss_value', -3.5, 300n],
    ['Test_True/AUC_value', Number.NaN, 1099511627776n],
  ]);
});

test('a resumed run takes a file of its own that voids the steps it does again', async () => {
  const now = () => 1_700_000_000_000;
  const first = new EventWriter(folder, { now });
  const second = new EventWriter(folder, { now, resumeAt: 3 });
  await first.close();
  await second.close();
  expect(readdirSync(folder)).toHaveLength(2);
  const [, start] = records(readFileSync(second.path));
  expect(start!.get(2)).toBe(3n);
  expect(fields(start!.get(7) as Buffer)).toEqual([[1, 1n]]);
  expect(records(readFileSync(first.path))).toHaveLength(1);
});

test('points survive a full disk and are written at the next flush', async () => {
  const writer = new EventWriter(folder);
  writer.scalar('a', 1, 1);
  disk.write = () => Promise.reject(Object.assign(new Error(), { code: 'ENOSPC', syscall: 'write' }));
  await expect(writer.flush()).rejects.toThrow(`cannot write ${writer.path}: the disk is full`);
  Object.assign(disk, intact);
  writer.scalar('a', 2, 2);
  await writer.close();
  expect(records(readFileSync(writer.path)).map((event) => event.get(2))).toEqual([undefined, 1n, 2n]);
});

test('removes its own event files only', async () => {
  await new EventWriter(folder).close();
  writeFileSync(join(folder, 'events.out.tfevents.1700000000.host.1.0'), '');
  await removeEvents(folder);
  expect(readdirSync(folder)).toEqual(['events.out.tfevents.1700000000.host.1.0']);
  await removeEvents(join(folder, 'missing'));
});
