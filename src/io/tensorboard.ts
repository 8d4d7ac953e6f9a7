/** TensorBoard event files: protobuf messages (tensorflow/core/util/event.proto, summary.proto) in TFRecord framing. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import protobuf from 'protobufjs/light.js';
import { append, listFolder, removeFile } from './files.js';

/** The fields of event.proto and summary.proto that scalars need. */
const nested = {
  Event: {
    fields: {
      wallTime: { id: 1, type: 'double' },
      step: { id: 2, type: 'int64' },
      fileVersion: { id: 3, type: 'string' },
      summary: { id: 5, type: 'Summary' },
      sessionLog: { id: 7, type: 'SessionLog' },
    },
  },
  Summary: { fields: { value: { id: 1, rule: 'repeated', type: 'Value' } } },
  Value: { fields: { tag: { id: 1, type: 'string' }, simpleValue: { id: 2, type: 'float' } } },
  SessionLog: { fields: { status: { id: 1, type: 'int32' } } },
};
const Event = protobuf.Root.fromJSON({ nested }).lookupType('Event');
const SESSION_START = 1;

/** CRC of each byte for the Castagnoli polynomial, bits reflected. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (RFC 3720, appendix B.4). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 255]!;
  return ~crc >>> 0;
}

/** TFRecord rotates and shifts its checksums, so that the checksum of data that hold checksums stays a good one. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** length u64, its checksum u32, data, their checksum u32; little-endian. */
function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return bytes;
}

const ours = /^events\.out\.tfevents\.\d+\..*\.clew$/;
let writers = 0;

export interface EventOptions {
  /** A resumed run writes this step and the later ones again: TensorBoard forgets what older files say of them. */
  readonly resumeAt?: number;
  /** Clock in milliseconds. */
  readonly now?: () => number;
}

/** Writes one new event file in a folder; TensorBoard reads all files of a folder as one run, in the order of their names. */
export class EventWriter {
  readonly path: string;
  private readonly now: () => number;
  private pending: Uint8Array[] = [];

  constructor(folder: string, { resumeAt, now = Date.now }: EventOptions = {}) {
    this.now = now;
    const seconds = String(Math.floor(now() / 1000)).padStart(10, '0');
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${writers++}.clew`);
    this.event({ fileVersion: 'brain.Event:2' });
    if (resumeAt !== undefined) this.event({ step: resumeAt, sessionLog: { status: SESSION_START } });
  }

  /** Adds a point to the curve `tag`; it reaches the disk with the next flush. */
  scalar(tag: string, value: number, step: number): void {
    this.event({ step, summary: { value: [{ tag, simpleValue: value }] } });
  }

  /** @throws UserError when the disk refuses; the points are kept for another try */
  async flush(): Promise<void> {
    const { pending } = this;
    this.pending = [];
    try {
      if (pending.length > 0) await append(this.path, Buffer.concat(pending));
    } catch (error) {
      this.pending = [...pending, ...this.pending];
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.flush();
  }

  private event(fields: Record<string, unknown>): void {
    this.pending.push(record(Event.encode({ wallTime: this.now() / 1000, ...fields }).finish()));
  }
}

/** Removes the event files in a folder that this program wrote. */
export async function removeEvents(folder: string): Promise<void> {
  for (const name of await listFolder(folder)) if (ours.test(name)) await removeFile(join(folder, name));
}
