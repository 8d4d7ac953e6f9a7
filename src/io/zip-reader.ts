/** Random access to the entries of a zip archive. torch stores them as they are; deflated ones (archives packed anew) are bounded. */
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import yauzl, { type ZipFile as Archive, type Entry } from 'yauzl';
import { messageOf } from '../errors.js';
import { BrokenFile, readRange } from './tensors.js';
import type { StoredBytes } from './torch-state.js';

const inflate = promisify(inflateRaw);

const STORED = 0;
const DEFLATED = 8;
const maxEntries = 200_000;
/** Deflated entries cannot be read from the middle, so they are held in memory once used; all of an archive's together at most this. */
const maxInflatedBytes = 2 ** 27;
/** Deflate's best. */
const maxRatio = 1032;

export class ZipFile {
  private readonly inflated = new Map<string, Promise<Uint8Array>>();

  private constructor(
    private readonly archive: Archive,
    private readonly entries: ReadonlyMap<string, Entry>,
    private readonly file: FileHandle,
    private readonly path: string,
  ) {}

  /** Reads the directory; the file stays the caller's to close. @throws BrokenFile */
  static async open(file: FileHandle, path: string, size: number): Promise<ZipFile> {
    const entries = new Map<string, Entry>();
    let inflatedBytes = 0;
    const archive = await directory(path, async () => {
      const opened = await yauzl.fromFdPromise(file.fd, { autoClose: false, lazyEntries: true });
      for await (const entry of opened.eachEntry()) {
        checkEntry(entry, size);
        if (entries.has(entry.fileName)) throw new Error(`two entries are named ${entry.fileName}`);
        entries.set(entry.fileName, entry);
        if (entries.size > maxEntries) throw new Error(`more than ${maxEntries} entries`);
        if (entry.compressionMethod === DEFLATED) inflatedBytes += entry.uncompressedSize;
      }
      if (inflatedBytes > maxInflatedBytes)
        throw new Error(
          `${inflatedBytes} bytes of it are compressed, at most ${maxInflatedBytes} can be; pack it without compression (zip -0)`,
        );
      return opened;
    });
    return new ZipFile(archive, entries, file, path);
  }

  get names(): string[] {
    return [...this.entries.keys()];
  }

  /** An entry's bytes. */
  entry(name: string): StoredBytes {
    const entry = this.found(name);
    return { length: entry.uncompressedSize, read: (begin, length) => this.read(entry, begin, length) };
  }

  /** All of an entry that may have at most `limit` bytes. */
  async whole(name: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.found(name);
    if (entry.uncompressedSize > limit)
      throw new BrokenFile(
        this.path,
        'zip directory',
        `${name} has ${entry.uncompressedSize} bytes, more than ${limit}`,
      );
    return await this.read(entry, 0, entry.uncompressedSize);
  }

  private found(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) throw new BrokenFile(this.path, 'zip directory', `the archive has no entry ${name}`);
    return entry;
  }

  private async read(entry: Entry, begin: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (entry.compressionMethod === DEFLATED) {
      const key = entry.fileName;
      const all = this.inflated.get(key) ?? this.inflate(entry);
      this.inflated.set(key, all);
      return (await all).slice(begin, begin + length);
    }
    return await readRange(this.file, this.path, (await this.dataStart(entry)) + begin, length);
  }

  private async inflate(entry: Entry): Promise<Uint8Array> {
    const packed = await readRange(this.file, this.path, await this.dataStart(entry), entry.compressedSize);
    return await directory(this.path, async () => {
      const options = {
        maxOutputLength: entry.uncompressedSize,
        chunkSize: Math.max(64, entry.uncompressedSize),
      };
      const bytes = entry.uncompressedSize === 0 ? new Uint8Array() : await inflate(packed, options);
      if (bytes.length < entry.uncompressedSize) throw new Error(`${entry.fileName} is cut off`);
      return bytes;
    });
  }

  private async dataStart(entry: Entry): Promise<number> {
    const header = await directory(this.path, () =>
      this.archive.readLocalFileHeaderPromise(entry, { minimal: true }),
    );
    return header.fileDataStart;
  }
}

function checkEntry(entry: Entry, fileBytes: number): void {
  const {
    fileName,
    compressionMethod: method,
    compressedSize,
    uncompressedSize,
    generalPurposeBitFlag,
  } = entry;
  if (method !== STORED && method !== DEFLATED) throw new Error(`${fileName} is packed by method ${method}`);
  if (generalPurposeBitFlag & 1) throw new Error(`${fileName} is encrypted`);
  if (compressedSize > fileBytes) throw new Error(`${fileName} is larger than the file`);
  if (uncompressedSize > compressedSize * (method === DEFLATED ? maxRatio : 1) + 64)
    throw new Error(`${fileName} cannot have ${uncompressedSize} bytes`);
}

/** What goes wrong inside is said of the archive. */
async function directory<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof BrokenFile) throw error;
    throw new BrokenFile(
      path,
      'zip directory',
      `not a whole zip archive: ${messageOf(error)}; copy or download it again`,
    );
  }
}
