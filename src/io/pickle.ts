/**
 * Reads Python pickles (docs.python.org/3/library/pickletools.html) as torch.save writes them, protocols 2 to 5, with an allow-list.
 *
 * A pickle is a program that may call anything importable; here a global is looked up in a table of ours or it is an error, and nothing
 * else can be called. Of the libraries, pickleparser (0.2.1) does not tell where a pickle ends, and an old torch file is five of them
 * in a row; nor does it bound what a small file may ask for. The 50 opcodes below are less code than working around either.
 */

/** Something that a pickle may call. */
export class Callable {
  constructor(
    readonly name: string,
    /** `spend` counts items that the call copies, so that a small file cannot ask for much. */
    readonly call: (args: readonly unknown[], spend: (items: number) => void) => unknown,
  ) {}
}

/** An object whose state comes after it. */
export interface Buildable {
  build(state: unknown): void;
}

export interface PickleRules {
  /** By `module name`: what may be called, and constants. */
  readonly globals: ReadonlyMap<string, unknown>;
  /** The object behind a persistent id (torch: a storage). */
  persistent(id: unknown): unknown;
}

/** A pickle that is damaged, or asks for what is not allowed. */
export class PickleError extends Error {}

/** The bytes end before the pickle does. */
export class PickleEnd extends PickleError {
  constructor() {
    super('it is cut off');
  }
}

/** Lists, dictionaries, tuples ...: 60,000 tensors need a tenth of that. */
const maxContainers = 1_000_000;
/** Longest whole number, in bytes. */
const maxLong = 64;

/**
 * The value of the pickle that starts at byte `start`, and where it ends. Dictionaries become Maps, lists and tuples arrays, sets Sets,
 * bytes Uint8Arrays, whole numbers beyond 2^53 bigints.
 * @throws PickleError PickleEnd when the bytes end before the pickle does
 */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  rules: PickleRules,
): { readonly value: unknown; readonly end: number } {
  const machine = new Machine(bytes, start, rules);
  for (;;) {
    const code = machine.u8();
    if (code === STOP) return { value: machine.pop(), end: machine.position };
    const run = OPCODES.get(code);
    if (!run)
      throw new PickleError(`opcode 0x${code.toString(16)} at byte ${machine.position - 1} is not allowed`);
    run(machine);
  }
}

class Machine {
  private readonly view: DataView;
  private readonly text = new TextDecoder();
  private readonly memo = new Map<number, unknown>();
  /** The values above each mark. */
  private readonly marks: unknown[][] = [];
  private stack: unknown[] = [];
  private budget = maxContainers;

  constructor(
    private readonly bytes: Uint8Array,
    public position: number,
    readonly rules: PickleRules,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves on by `length` bytes. @returns where they start */
  private advance(length: number): number {
    const at = this.position;
    if (at + length > this.bytes.length) throw new PickleEnd();
    this.position += length;
    return at;
  }

  u8 = (): number => this.bytes[this.advance(1)]!;
  u16 = (): number => this.view.getUint16(this.advance(2), true);
  u32 = (): number => this.view.getUint32(this.advance(4), true);
  i32 = (): number => this.view.getInt32(this.advance(4), true);
  u64 = (): number => Number(this.view.getBigUint64(this.advance(8), true));
  f64 = (): number => this.view.getFloat64(this.advance(8), false);

  take(length: number): Uint8Array {
    const at = this.advance(length);
    return this.bytes.subarray(at, at + length);
  }

  string = (length: number): string => this.text.decode(this.take(length));

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleEnd();
    const text = this.string(end - this.position);
    this.position++;
    return text;
  }

  /** Little-endian two's complement. */
  long(length: number): number | bigint {
    if (length > maxLong) throw new PickleError(`a whole number of ${length} bytes`);
    let value = 0n;
    const digits = this.take(length);
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(digits[i]!);
    if (length > 0 && digits[length - 1]! >= 0x80) value -= 1n << BigInt(8 * length);
    const rounded = Number(value);
    return Number.isSafeInteger(rounded) ? rounded : value;
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  /** Pushes something new that holds others. */
  create(value: unknown): void {
    this.spend(1);
    this.stack.push(value);
  }

  spend = (items: number): void => {
    this.budget -= items;
    if (this.budget < 0) throw new PickleError(`it makes more than ${maxContainers} objects`);
  };

  pop(): unknown {
    if (this.stack.length === 0) throw new PickleError(`nothing on the stack at byte ${this.position - 1}`);
    return this.stack.pop();
  }

  top(): unknown {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  mark(): void {
    this.spend(1);
    this.marks.push(this.stack);
    this.stack = [];
  }

  /** The values above the last mark, which goes. */
  popMark(): unknown[] {
    const below = this.marks.pop();
    if (!below) throw new PickleError(`no mark at byte ${this.position - 1}`);
    const values = this.stack;
    this.stack = below;
    return values;
  }

  remember = (index = this.memo.size): void => void this.memo.set(index, this.top());

  recall(index: number): void {
    if (!this.memo.has(index)) throw new PickleError(`nothing was stored as ${index}`);
    this.push(this.memo.get(index));
  }

  global(module: unknown, name: unknown): void {
    // Joining anything else to a string could take for ever: lists may hold lists a million times over.
    if (!isName(module) || !isName(name)) throw new PickleError('a global without a name');
    const key = `${module} ${name}`;
    if (!this.rules.globals.has(key))
      throw new PickleError(
        `it asks for ${module}.${name}, which is not on the list of harmless ones; nothing of it was run. Load it with PyTorch, where you trust it, and save its state dict alone: torch.save(model.state_dict(), FILE)`,
      );
    this.push(this.rules.globals.get(key));
  }

  /** Calls what lies under its arguments. */
  call(): void {
    const [args, target] = [this.pop(), this.pop()];
    if (!(target instanceof Callable) || !Array.isArray(args))
      throw new PickleError(`what is called at byte ${this.position - 1} is no function`);
    this.create(target.call(args, this.spend));
  }

  /** Gives the object under it its state. A dictionary's attributes (state_dict()._metadata) are left aside. */
  build(): void {
    const [state, target] = [this.pop(), this.top()];
    if (isBuildable(target)) target.build(state);
    else if (!(target instanceof Map)) throw new PickleError('state for an object that has none');
  }

  append(values: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new PickleError('items for something that is no list');
    for (const value of values) list.push(value);
  }

  add(values: readonly unknown[]): void {
    const set = this.top();
    if (!(set instanceof Set)) throw new PickleError('items for something that is no set');
    for (const value of values) set.add(value);
  }

  setItems(pairs: readonly unknown[]): void {
    const map = this.top();
    if (!(map instanceof Map) || pairs.length % 2 > 0)
      throw new PickleError('items for something that is no dictionary');
    for (let i = 0; i < pairs.length; i += 2) map.set(pairs[i], pairs[i + 1]);
  }

  /** The last `count` values as a tuple. */
  tuple(count: number): void {
    const values = Array.from({ length: count }, () => this.pop());
    this.create(values.reverse());
  }
}

const isName = (value: unknown): value is string => typeof value === 'string' && value.length < 256;

const isBuildable = (value: unknown): value is Buildable =>
  typeof value === 'object' && value !== null && 'build' in value && typeof value.build === 'function';

const STOP = 0x2e;

/** By code, with the names of Python's pickletools. */
const OPCODES: ReadonlyMap<number, (m: Machine) => void> = new Map([
  [0x80, (m) => checkProtocol(m.u8())], // PROTO
  [0x95, (m) => void m.u64()], // FRAME
  [0x28, (m) => m.mark()], // MARK
  [0x30, (m) => void m.pop()], // POP
  [0x31, (m) => void m.popMark()], // POP_MARK
  [0x32, (m) => m.push(m.top())], // DUP
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4a, (m) => m.push(m.i32())], // BININT
  [0x4b, (m) => m.push(m.u8())], // BININT1
  [0x4d, (m) => m.push(m.u16())], // BININT2
  [0x8a, (m) => m.push(m.long(m.u8()))], // LONG1
  [0x8b, (m) => m.push(m.long(m.u32()))], // LONG4
  [0x47, (m) => m.push(m.f64())], // BINFLOAT
  [0x58, (m) => m.push(m.string(m.u32()))], // BINUNICODE
  [0x8c, (m) => m.push(m.string(m.u8()))], // SHORT_BINUNICODE
  [0x8d, (m) => m.push(m.string(m.u64()))], // BINUNICODE8
  [0x54, (m) => m.push(m.string(m.u32()))], // BINSTRING: Python 2's str
  [0x55, (m) => m.push(m.string(m.u8()))], // SHORT_BINSTRING
  [0x42, (m) => m.push(m.take(m.u32()))], // BINBYTES
  [0x43, (m) => m.push(m.take(m.u8()))], // SHORT_BINBYTES
  [0x8e, (m) => m.push(m.take(m.u64()))], // BINBYTES8
  [0x96, (m) => m.push(m.take(m.u64()))], // BYTEARRAY8
  [0x5d, (m) => m.create([])], // EMPTY_LIST
  [0x29, (m) => m.create([])], // EMPTY_TUPLE
  [0x7d, (m) => m.create(new Map())], // EMPTY_DICT
  [0x8f, (m) => m.create(new Set())], // EMPTY_SET
  [0x74, (m) => m.create(m.popMark())], // TUPLE
  [0x85, (m) => m.tuple(1)], // TUPLE1
  [0x86, (m) => m.tuple(2)], // TUPLE2
  [0x87, (m) => m.tuple(3)], // TUPLE3
  [0x91, (m) => m.create(new Set(m.popMark()))], // FROZENSET
  [0x61, (m) => m.append([m.pop()])], // APPEND
  [0x65, (m) => m.append(m.popMark())], // APPENDS
  [0x90, (m) => m.add(m.popMark())], // ADDITEMS
  [0x73, (m) => m.setItems([m.pop(), m.pop()].reverse())], // SETITEM
  [0x75, (m) => m.setItems(m.popMark())], // SETITEMS
  [0x71, (m) => m.remember(m.u8())], // BINPUT
  [0x72, (m) => m.remember(m.u32())], // LONG_BINPUT
  [0x94, (m) => m.remember()], // MEMOIZE
  [0x68, (m) => m.recall(m.u8())], // BINGET
  [0x6a, (m) => m.recall(m.u32())], // LONG_BINGET
  [0x63, (m) => m.global(m.line(), m.line())], // GLOBAL
  [0x93, (m) => stackGlobal(m)], // STACK_GLOBAL
  [0x52, (m) => m.call()], // REDUCE
  [0x81, (m) => m.call()], // NEWOBJ
  [0x62, (m) => m.build()], // BUILD
  [0x51, (m) => m.push(m.rules.persistent(m.pop()))], // BINPERSID
]);

function checkProtocol(protocol: number): void {
  if (protocol < 2 || protocol > 5) throw new PickleError(`protocol ${protocol}; torch.save writes 2 to 5`);
}

function stackGlobal(m: Machine): void {
  const [name, module] = [m.pop(), m.pop()];
  m.global(module, name);
}
