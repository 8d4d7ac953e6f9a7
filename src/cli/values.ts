/**
 * How the text of a flag becomes a value. A parser returns the value or throws a `UsageError` that says what it wants;
 * the caller puts the flag and the text in front: "--bs abc: wants a whole number of at least 1".
 */
import { UsageError } from '../errors.js';
import { MODEL_ALIASES, MODEL_NAMES, type ModelName, modelNamed } from '../model/names.js';

export type Parser<T> = (text: string) => T;

const refuse = (wants: string): never => {
  throw new UsageError(`wants ${wants}`);
};

// Number() would also take '', '0x10' and 'Infinity'.
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A whole number from `min` to `max`. */
export function whole(min: number, max = Number.MAX_SAFE_INTEGER): Parser<number> {
  const range = max < Number.MAX_SAFE_INTEGER ? `from ${min} to ${max}` : `of at least ${min}`;
  return (text) => {
    const value = /^\+?\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : refuse(`a whole number ${range}`);
  };
}

/** How many, at least 1; undefined for `all`. */
export const countOrAll: Parser<number | undefined> = (text) => {
  if (text === 'all') return undefined;
  return /^\d+$/.test(text) && Number(text) > 0
    ? Number(text)
    : refuse('a whole number of at least 1, or all');
};

/** A finite decimal number that `holds`; `wants` says which numbers those are. */
export const real =
  (wants: string, holds: (value: number) => boolean): Parser<number> =>
  (text) => {
    const value = decimal.test(text) ? Number(text) : Number.NaN;
    return Number.isFinite(value) && holds(value) ? value : refuse(wants);
  };

export const positive = real('a number above 0', (value) => value > 0);
export const nonNegative = real('a number of at least 0', (value) => value >= 0);

const booleans = new Map([
  ...['true', '1', 'yes'].map((word) => [word, true] as const),
  ...['false', '0', 'no'].map((word) => [word, false] as const),
]);

export const isBoolean = (text: string): boolean => booleans.has(text.toLowerCase());

/** True/False as Python users write it; the reference takes any text for true (a mistake of `type=bool`). */
export const boolean: Parser<boolean> = (text) => booleans.get(text.toLowerCase()) ?? refuse('True or False');

/** True, False, or the folder to use. */
export const switchOrFolder: Parser<boolean | string> = (word) =>
  booleans.get(word.toLowerCase()) ?? (word === '' ? refuse('True, False or a folder') : word);

/** Words as a sentence lists them: "a, b or c". */
export const either = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;

export const oneOf =
  <const T extends string>(...words: T[]): Parser<T> =>
  (text) =>
    words.find((word) => word === text) ?? refuse(either(words));

/** Any text but none. */
export const text =
  (wants: string): Parser<string> =>
  (value) =>
    value === '' ? refuse(wants) : value;

/** A name that becomes a folder: no separators, so that a run stays inside --save_path. */
export const folderName: Parser<string> = (value) =>
  /^(?!\.{1,2}$)[^/\\\0]+$/.test(value) ? value : refuse('a name without slashes, it becomes a folder');

/** Items between commas or blanks, with or without brackets: `1,2`, `[1, 2]`, `[1 2]`. */
export const list =
  <T>(item: Parser<T>, wants: string): Parser<T[]> =>
  (value) => {
    const items = value.replace(/^\[(.*)\]$/, '$1').split(/\s*,\s*|\s+/);
    try {
      return items.map(item);
    } catch {
      return refuse(wants);
    }
  };

/** OLD=NEW; NEW may be empty. */
export const prefixPair: Parser<{ from: string; to: string }> = (value) => {
  const at = value.indexOf('=');
  return at > 0 ? { from: value.slice(0, at), to: value.slice(at + 1) } : refuse('OLD=NEW');
};

/** The loss terms, in the order that the balance sums them (METHOD 3: CE, then global, then local). */
export const lossTerms = ['ce', 'gil', 'lil'] as const;
export type LossTerm = (typeof lossTerms)[number];

const factors = list(nonNegative, 'numbers');

/** Weights of the loss terms by place (`[1,2,10]`: one for each term that is on) or by name (`ce=1,gil=2,lil=10`). */
export const scales: Parser<number[] | Partial<Record<LossTerm, number>>> = (value) => {
  try {
    if (!value.includes('=')) return factors(value);
    return Object.fromEntries(list(named, '')(value));
  } catch {
    return refuse('numbers of at least 0 as [1,2,10] (ce, gil, lil) or as ce=1,gil=2,lil=10');
  }
};

function named(item: string): [LossTerm, number] {
  const [name = '', factor = ''] = item.split('=');
  return [oneOf(...lossTerms)(name), nonNegative(factor)];
}

/** A backbone by its name or the reference's. */
export const model: Parser<ModelName> = (name) =>
  modelNamed(name) ?? refuse(either([...MODEL_ALIASES.keys(), ...MODEL_NAMES]));
