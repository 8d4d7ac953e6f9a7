/** What a transform of a training picture is: how its parameters are drawn, and what it does with them. */
import type { Rng } from '../../rng.js';
import type { ChannelOrder, Image } from '../image.js';

/** Drawn uniformly from `low` to `high`. */
export type Range = readonly [low: number, high: number];

/** What may be set of an operation: a range to draw from, or a number. */
export interface Field {
  /** METHOD 5's. */
  readonly standard: Range | number;
  readonly limits: Range;
  /** Whole numbers are drawn, `high` included. */
  readonly whole?: true;
}

export type Fields = Readonly<Record<string, Field>>;
export type Settings = Readonly<Record<string, Range | number>>;

/** One application of an operation to one picture. */
export interface Drawn {
  readonly name: string;
  readonly parameters: Readonly<Record<string, number>>;
  /** Keeps the picture's size, and leaves the picture that it is given as it is. */
  apply(image: Image, order: ChannelOrder): Image | Promise<Image>;
}

export interface Operation {
  readonly name: string;
  readonly fields: Fields;
  draw(rng: Rng, settings: Settings): Drawn;
}

type SettingsOf<F extends Fields> = {
  readonly [K in keyof F]: F[K]['standard'] extends number ? number : Range;
};

/** Ties the parameters that are drawn to what is done with them. */
export function operation<const F extends Fields, P extends Readonly<Record<string, number>>>(definition: {
  readonly name: string;
  readonly fields: F;
  /** @param settings a value for every field, within its limits */
  draw(rng: Rng, settings: SettingsOf<F>): P;
  apply(image: Image, parameters: P, order: ChannelOrder): Image | Promise<Image>;
}): Operation {
  const { name, fields, draw, apply } = definition;
  return {
    name,
    fields,
    draw: (rng, settings) => {
      const parameters = draw(rng, settings as SettingsOf<F>);
      return { name, parameters, apply: (image, order) => apply(image, parameters, order) };
    },
  };
}

/** The picture with every byte looked up. */
export function lookUp(image: Image, table: Uint8Array): Image {
  const { data: source } = image;
  const data = new Uint8Array(source.length);
  for (let i = 0; i < data.length; i++) data[i] = table[source[i]!]!;
  return { ...image, data };
}

/** A byte for each byte: `value`, clipped to 0..255 and truncated, as numpy's `clip(...).astype(uint8)`. */
export const byteTable = (value: (byte: number) => number): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => Math.min(Math.max(value(byte), 0), 255));
