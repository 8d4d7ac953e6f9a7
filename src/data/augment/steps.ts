/** An augmentation: steps in order, each with a probability. As JSON, so that it can be a user's file, and part of a checkpoint. */
import { UsageError } from '../../errors.js';
import type { Rng } from '../../rng.js';
import { gaussianBlur } from './blur.js';
import { brightnessAndContrast } from './brightness-contrast.js';
import { fancyPcaShift } from './fancy-pca.js';
import { horizontalFlip } from './flip.js';
import { gray } from './gray.js';
import { hueSaturationValue } from './hue-saturation-value.js';
import { imageCompression } from './jpeg.js';
import { gaussianNoise } from './noise.js';
import type { Drawn, Field, Operation, Range, Settings } from './operation.js';
import { placement } from './shift-scale-rotate.js';

export const operations: readonly Operation[] = [
  imageCompression,
  gaussianNoise,
  gaussianBlur,
  horizontalFlip,
  brightnessAndContrast,
  fancyPcaShift,
  hueSaturationValue,
  gray,
  placement,
];

/** An operation by name, with what its parameters are drawn from. */
export interface Choice {
  readonly op: string;
  readonly settings: Settings;
}

/** With probability `p`, one of these, equally likely. */
export interface Step {
  readonly p: number;
  readonly oneOf: readonly Choice[];
}

/** What hits one picture, in order. */
export const drawSteps = (steps: readonly Step[], rng: Rng): Drawn[] =>
  steps.flatMap(({ p, oneOf }) => {
    if (rng.uniform() >= p) return [];
    const { op, settings } = oneOf[oneOf.length > 1 ? rng.below(oneOf.length) : 0]!;
    return [operationNamed(op)!.draw(rng, settings)];
  });

const operationNamed = (name: unknown) => operations.find((known) => known.name === name);

/**
 * Reads the declarative form: a list of `{ "op": NAME, "p": 0.5, SETTING: [low, high], ... }` and of
 * `{ "one_of": [{ "op": NAME, ... }, ...], "p": 0.7 }`. What is not set is as in METHOD 5.
 * @throws UsageError that names the place and the field
 */
export function parseSteps(list: unknown): Step[] {
  if (!Array.isArray(list))
    throw new UsageError('wants a list of operations: [{ "op": NAME, "p": 0.5 }, ...]');
  return list.map((item, i) => {
    const at = `[${i}]`;
    const { p, one_of: choices, ...single } = objectAt(at, item);
    if (typeof p !== 'number' || !(p >= 0 && p <= 1)) throw wrong(`${at}.p`, 'a probability from 0 to 1', p);
    if (choices === undefined) return { p, oneOf: [parseChoice(at, single)] };
    const [stray] = Object.keys(single);
    if (stray !== undefined) throw new UsageError(`${at}.${stray}: has no place beside "one_of"`);
    if (!Array.isArray(choices) || choices.length === 0)
      throw wrong(`${at}.one_of`, 'a list of operations', choices);
    return { p, oneOf: choices.map((choice, k) => parseChoice(`${at}.one_of[${k}]`, choice)) };
  });
}

function parseChoice(at: string, item: unknown): Choice {
  const { op, ...given } = objectAt(at, item);
  const known = operationNamed(op);
  if (!known) throw wrong(`${at}.op`, `one of ${operations.map(({ name }) => name).join(', ')}`, op);
  const names = Object.keys(known.fields);
  for (const name of Object.keys(given))
    if (!names.includes(name))
      throw new UsageError(
        `${at}.${name}: no setting of ${known.name}, which has ${names.length > 0 ? names.join(', ') : 'none'}`,
      );
  const settings = Object.entries(known.fields).map(([name, field]) => [
    name,
    name in given ? parseSetting(`${at}.${name}`, field, given[name]) : field.standard,
  ]);
  return { op: known.name, settings: Object.fromEntries(settings) };
}

function parseSetting(at: string, { standard, limits, whole }: Field, value: unknown): Range | number {
  const [low, high] = limits;
  const fits = (x: unknown): x is number =>
    typeof x === 'number' && x >= low && x <= high && (!whole || Number.isInteger(x));
  const bounds = `from ${low} to ${high}`;
  if (typeof standard === 'number') {
    if (fits(value)) return value;
    throw wrong(at, `a number ${bounds}`, value);
  }
  const [from, to] = Array.isArray(value) && value.length === 2 ? value : [];
  if (fits(from) && fits(to) && from <= to) return [from, to];
  throw wrong(at, `[low, high], ${whole ? 'whole ' : ''}numbers ${bounds}, low not above high`, value);
}

function objectAt(at: string, item: unknown): Record<string, unknown> {
  if (typeof item === 'object' && item !== null && !Array.isArray(item)) return { ...item };
  throw wrong(at, 'an operation such as { "op": NAME, "p": 0.5 }', item);
}

const wrong = (at: string, wants: string, got: unknown): UsageError =>
  new UsageError(`${at}: wants ${wants}; got ${got === undefined ? 'nothing' : JSON.stringify(got)}`);
