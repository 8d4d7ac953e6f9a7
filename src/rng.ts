/**
 * Counter-based random numbers: every number is a pure function of a key and a counter, so a resumed run draws what an
 * uninterrupted one draws, whatever the number of workers. The GPU computes the same hash (shaders/lib/random.wgsl).
 */

/** A 32-bit finaliser with full avalanche ("lowbias32" family; constants of C. Wellons' triple-round-free search). */
export function hash32(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/** Folds several 32-bit words into one key; the order of the words matters. */
export function keyOf(...words: number[]): number {
  let key = 0x9e3779b9;
  for (const word of words) key = hash32(key ^ hash32((word >>> 0) + 0x85ebca6b));
  return key;
}

/** FNV-1a of a string: gives streams a name instead of a number. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Number `counter` of the stream with this key: a uniform 32-bit integer. */
const drawAt = (key: number, counter: number): number => hash32(key ^ hash32(counter));

/** Uniform in [0, 1), 53 bits, of numbers `counter` and `counter` + 1. */
export const uniformAt = (key: number, counter: number): number =>
  ((drawAt(key, counter) >>> 5) * 67108864 + (drawAt(key, counter + 1) >>> 6)) / 9007199254740992;

/** Standard normal, of four numbers (Box-Muller; the second value is not kept, so that a draw never depends on an earlier call). */
export const normalAt = (key: number, counter: number): number =>
  Math.sqrt(-2 * Math.log(1 - uniformAt(key, counter))) * Math.cos(2 * Math.PI * uniformAt(key, counter + 2));

/** The key of the stream for these words: seed, epoch, step, a name ... */
export const streamKey = (...words: (number | string)[]): number =>
  keyOf(...words.map((word) => (typeof word === 'string' ? fnv1a(word) : word)));

/** A stream of random numbers: element i of the stream with this key. */
export class Rng {
  private counter = 0;
  private readonly key: number;

  /** @param words what the stream is for: see streamKey() */
  constructor(...words: (number | string)[]) {
    this.key = streamKey(...words);
  }

  /** Uniform 32-bit integer. */
  u32(): number {
    return drawAt(this.key, this.counter++);
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    this.counter += 2;
    return uniformAt(this.key, this.counter - 2);
  }

  /** Uniform in [low, high). */
  range(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** Uniform integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Standard normal. */
  normal(): number {
    this.counter += 4;
    return normalAt(this.key, this.counter - 4);
  }

  /** Gamma(shape, 1) by Marsaglia and Tsang's method; shape > 0. */
  gamma(shape: number): number {
    if (shape < 1) return this.gamma(shape + 1) * (1 - this.uniform()) ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && Math.log(1 - this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  }

  /** Beta(a, b): mixup's lambda. */
  beta(a: number, b: number): number {
    const x = this.gamma(a);
    const y = this.gamma(b);
    return x + y > 0 ? x / (x + y) : this.uniform() < 0.5 ? 0 : 1;
  }

  /** A random permutation of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}
