/** Ways to break files that keep enough of their structure to get past the first checks. All of them are functions of a seed. */
import { crc32 } from 'node:zlib';
import type { Rng } from '../../src/rng.js';

export interface Mutation {
  readonly name: string;
  /** Aims behind the header: counted in the share of inputs that get past it. */
  readonly deep: boolean;
  apply(bytes: Buffer, rng: Rng): Buffer;
}

const cut = (bytes: Buffer, from: number, rng: Rng): Buffer =>
  bytes.subarray(0, from + rng.below(Math.max(1, bytes.length - from)));

function flip(bytes: Buffer, from: number, rng: Rng, to = bytes.length): Buffer {
  const broken = Buffer.from(bytes);
  for (let n = 1 + rng.below(8); n > 0; n--) {
    const at = from + rng.below(Math.max(1, to - from));
    if (at < broken.length) broken[at]! ^= 1 << rng.below(8);
  }
  return broken;
}

const anywhere: readonly Mutation[] = [
  { name: 'cut off anywhere', deep: false, apply: (bytes, rng) => cut(bytes, 0, rng) },
  { name: 'bits flipped anywhere', deep: false, apply: (bytes, rng) => flip(bytes, 0, rng) },
  { name: 'empty', deep: false, apply: () => Buffer.alloc(0) },
  { name: 'zeros', deep: false, apply: (bytes) => Buffer.alloc(bytes.length) },
];

/** Chunks of a PNG: where each begins (its length field) and its type. */
function chunksOf(png: Buffer): { at: number; length: number; type: string }[] {
  const chunks = [];
  for (let at = 8; at + 12 <= png.length; ) {
    const length = png.readUInt32BE(at);
    chunks.push({ at, length, type: png.toString('latin1', at + 4, at + 8) });
    at += 12 + length;
  }
  return chunks;
}

/** Checksums made right again, so that a decoder believes what it reads. */
function sealed(png: Buffer): Buffer {
  for (const { at, length } of chunksOf(png)) {
    if (at + 12 + length > png.length) break;
    png.writeUInt32BE(crc32(png.subarray(at + 4, at + 8 + length)), at + 8 + length);
  }
  return png;
}

const dataOf = (png: Buffer) => chunksOf(png).find(({ type }) => type === 'IDAT')!;

export const PNG: readonly Mutation[] = [
  ...anywhere,
  { name: 'cut off in the pixels', deep: true, apply: (png, rng) => cut(png, dataOf(png).at + 8, rng) },
  {
    name: 'bits flipped in the pixels',
    deep: true,
    apply: (png, rng) => flip(png, dataOf(png).at + 8, rng, dataOf(png).at + 8 + dataOf(png).length),
  },
  {
    name: 'bits flipped in the pixels, checksums right',
    deep: true,
    apply: (png, rng) => sealed(flip(png, dataOf(png).at + 8, rng, dataOf(png).at + 8 + dataOf(png).length)),
  },
  {
    name: 'huge dimensions, checksums right',
    deep: false,
    apply(png, rng) {
      const broken = Buffer.from(png);
      broken.writeUInt32BE(20_000 + rng.below(2 ** 30), 16);
      broken.writeUInt32BE(20_000 + rng.below(2 ** 30), 20);
      return sealed(broken);
    },
  },
];

/** Where the entropy-coded data of a JPEG begin: behind the start-of-scan header. */
const scanOf = (jpeg: Buffer): number => jpeg.indexOf(Buffer.from([0xff, 0xda])) + 14;
/** The frame header: height and width are 5 and 7 bytes behind its marker. */
const frameOf = (jpeg: Buffer): number => jpeg.indexOf(Buffer.from([0xff, 0xc0]));

export const JPEG: readonly Mutation[] = [
  ...anywhere,
  { name: 'cut off in the scan', deep: true, apply: (jpeg, rng) => cut(jpeg, scanOf(jpeg), rng) },
  { name: 'bits flipped in the scan', deep: true, apply: (jpeg, rng) => flip(jpeg, scanOf(jpeg), rng) },
  {
    name: 'a marker in the scan',
    deep: true,
    apply(jpeg, rng) {
      const broken = Buffer.from(jpeg);
      const at = scanOf(jpeg) + rng.below(jpeg.length - scanOf(jpeg) - 2);
      broken.writeUInt16BE(0xffc0 + rng.below(0x3f), at);
      return broken;
    },
  },
  {
    name: 'huge dimensions',
    deep: false,
    apply(jpeg, rng) {
      const broken = Buffer.from(jpeg);
      broken.writeUInt16BE(65_535 - rng.below(100), frameOf(jpeg) + 5);
      broken.writeUInt16BE(65_535 - rng.below(100), frameOf(jpeg) + 7);
      return broken;
    },
  },
];

/** Where the content of a box of an MP4 begins and ends; its index (moov) is in front, as for streaming. */
function box(mp4: Buffer, type: string): { from: number; to: number } {
  const at = mp4.indexOf(type, 0, 'latin1');
  return { from: at + 4, to: at - 4 + mp4.readUInt32BE(at - 4) };
}

export const MP4: readonly Mutation[] = [
  ...anywhere,
  {
    name: 'cut off in the frames',
    deep: true,
    apply: (mp4, rng) => cut(mp4, box(mp4, 'mdat').from + 200, rng),
  },
  {
    name: 'bits flipped in the frames',
    deep: true,
    apply: (mp4, rng) => flip(mp4, box(mp4, 'mdat').from, rng),
  },
  {
    name: 'bits flipped in the table of samples',
    deep: true,
    apply: (mp4, rng) => flip(mp4, box(mp4, 'stbl').from, rng, box(mp4, 'stbl').to),
  },
  {
    name: 'huge dimensions',
    deep: false,
    apply(mp4, rng) {
      const broken = Buffer.from(mp4);
      const entry = mp4.indexOf('avc1', box(mp4, 'stsd').from, 'latin1');
      broken.writeUInt16BE(65_535 - rng.below(100), entry + 28);
      broken.writeUInt16BE(65_535 - rng.below(100), entry + 30);
      return broken;
    },
  },
];

/** Lists: `lines` are sound ones. What is broken, and how many lines of it are still good. */
export interface ListMutation {
  readonly name: string;
  apply(lines: readonly string[], rng: Rng): { bytes: Buffer; sound: number };
}

const broken = (lines: readonly string[], rng: Rng, change: (line: string) => string | Buffer) => {
  const at = rng.below(lines.length);
  const rows = lines.map((line, i) =>
    Buffer.concat([Buffer.from(i === at ? change(line) : line), Buffer.from('\n')]),
  );
  return { bytes: Buffer.concat(rows), sound: lines.length - 1 };
};
const intact = (text: string, lines: readonly string[]) => ({
  bytes: Buffer.from(text),
  sound: lines.length,
});

export const LISTS: readonly ListMutation[] = [
  { name: 'CRLF', apply: (lines) => intact(lines.join('\r\n'), lines) },
  { name: 'BOM', apply: (lines) => intact(`\uFEFF${lines.join('\n')}`, lines) },
  { name: 'blank lines and blanks', apply: (lines) => intact(`\n\n ${lines.join(' \n\t\n ')}\n`, lines) },
  {
    name: 'path traversal',
    apply: (lines, rng) => broken(lines, rng, (line) => line.replace(/,.*,/, ',../../../etc,')),
  },
  {
    name: 'not UTF-8',
    apply: (lines, rng) =>
      broken(lines, rng, (line) =>
        Buffer.concat([Buffer.from('1,'), Buffer.from([0xe9, 0xff]), Buffer.from(line.slice(1))]),
      ),
  },
  { name: 'zero bytes', apply: (lines, rng) => broken(lines, rng, () => '\0'.repeat(1 + rng.below(50))) },
  {
    name: 'zero byte in the path',
    apply: (lines, rng) => broken(lines, rng, (line) => line.replace(/,(.*),/, ',$1\0,')),
  },
  { name: 'no commas', apply: (lines, rng) => broken(lines, rng, (line) => line.replaceAll(',', ';')) },
  { name: 'label 2', apply: (lines, rng) => broken(lines, rng, (line) => `2${line.slice(1)}`) },
  {
    name: 'a very long line',
    apply: (lines, rng) => broken(lines, rng, () => `1,${'x/'.repeat(500_000)},3`),
  },
  { name: 'cut off', apply: (lines, rng) => broken(lines, rng, (line) => line.slice(0, 1 + rng.below(3))) },
];
