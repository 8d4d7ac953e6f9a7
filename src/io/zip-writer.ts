/**
 * A zip archive (APPNOTE 6.3) of stored entries, their data on multiples of 64 bytes as torch wants it to map the file; zip64 where
 * sizes or offsets need it.
 */
import { crc32 } from 'node:zlib';

export interface ZipSource {
  readonly name: string;
  /** Asked for when its turn comes and not kept. */
  data(): ArrayBufferView | Promise<ArrayBufferView>;
}

interface Written {
  readonly name: Uint8Array;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

const alignment = 64;
const wide = 0xffffffff;
const utf8Names = 0x800;
/** Extra field for padding, as torch names it. */
const paddingId = 0x4246;
const zip64Id = 0x0001;

/** The archive, piece by piece. */
export async function* zipChunks(sources: Iterable<ZipSource>): AsyncGenerator<Uint8Array> {
  const written: Written[] = [];
  let position = 0;
  for (const source of sources) {
    const { buffer, byteOffset, byteLength } = await source.data();
    const data = new Uint8Array(buffer, byteOffset, byteLength);
    const name = new TextEncoder().encode(source.name);
    const entry = { name, crc: crc32(data), size: byteLength, offset: position };
    const header = localHeader(entry);
    yield header;
    yield data;
    written.push(entry);
    position += header.length + byteLength;
  }
  const records = written.map(directoryRecord);
  yield* records;
  yield directoryEnd(
    written.length,
    records.reduce((sum, { length }) => sum + length, 0),
    position,
  );
}

/** Little-endian fields one behind the other: [bytes, value]. */
function fields(...values: (readonly [bytes: 2 | 4 | 8, value: number])[]): Uint8Array {
  const bytes = new Uint8Array(values.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of values) {
    if (size === 2) view.setUint16(at, value, true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  return bytes;
}

const join = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);

/** What both headers of an entry say; 1980-01-01 as its date, so that equal weights give equal files. */
const common = ({ crc, size, name }: Written, extraLength: number) =>
  [
    [2, size >= wide ? 45 : 20], // version needed
    [2, utf8Names],
    [2, 0], // stored
    [2, 0], // time
    [2, 0x21], // date
    [4, crc],
    [4, Math.min(size, wide)],
    [4, Math.min(size, wide)],
    [2, name.length],
    [2, extraLength],
  ] as const;

function localHeader(entry: Written): Uint8Array {
  const sizes =
    entry.size >= wide ? fields([2, zip64Id], [2, 16], [8, entry.size], [8, entry.size]) : new Uint8Array();
  const before = entry.offset + 30 + entry.name.length + sizes.length + 4;
  const padding = (alignment - (before % alignment)) % alignment;
  const extra = join(sizes, fields([2, paddingId], [2, padding]), new Uint8Array(padding));
  return join(fields([4, 0x04034b50], ...common(entry, extra.length)), entry.name, extra);
}

function directoryRecord(entry: Written): Uint8Array {
  const { size, offset, name } = entry;
  const large = [...(size >= wide ? [size, size] : []), ...(offset >= wide ? [offset] : [])];
  const extra =
    large.length > 0
      ? fields([2, zip64Id], [2, 8 * large.length], ...large.map((value) => [8, value] as const))
      : new Uint8Array();
  const head = fields(
    [4, 0x02014b50],
    [2, 45], // version made by
    ...common(entry, extra.length),
    [2, 0], // comment
    [2, 0], // disk
    [2, 0], // internal attributes
    [4, 0], // external attributes
    [4, Math.min(offset, wide)],
  );
  return join(head, name, extra);
}

function directoryEnd(count: number, size: number, offset: number): Uint8Array {
  const end = fields(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, Math.min(count, 0xffff)],
    [2, Math.min(count, 0xffff)],
    [4, Math.min(size, wide)],
    [4, Math.min(offset, wide)],
    [2, 0],
  );
  if (count < 0xffff && size < wide && offset < wide) return end;
  const end64 = fields(
    [4, 0x06064b50],
    [8, 44],
    [2, 45],
    [2, 45],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, size],
    [8, offset],
  );
  const locator = fields([4, 0x07064b50], [4, 0], [8, offset + size], [4, 1]);
  return join(end64, locator, end);
}
