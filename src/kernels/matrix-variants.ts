import type { Attributes, Call, Metas, Variant } from '../engine/op.js';
import type { Geometry } from './conv-geometry.js';
import {
  rowsFor,
  runsSoftware,
  type SoftwareLayout,
  softwarePasses,
  softwareScratch,
} from './conv-software.js';
import { defaultTile, TILES, tilePasses, tileScratch } from './conv-tile.js';
import type { Direction, Operands } from './matrix-product.js';

/**
 * The fast variants of an operation that is a convolution or one of its gradients, the default of an adapter before its alternatives:
 * for CPU adapters `software`, taller or lower tiles, and operands straight from buffers; for GPUs tiles of several sizes.
 * @param geometryOf the convolution that a call is, or undefined where it is none
 */
export function matrixVariants<A extends Attributes>(
  direction: Direction,
  geometryOf: (call: Metas<A>) => Geometry | undefined,
  operands: Operands,
): Record<string, Variant<A>> {
  const matrix = { direction, geometryOf, operands };
  return { ...softwareVariants(matrix), ...tileVariants(matrix) };
}

interface Matrix<A extends Attributes> {
  readonly direction: Direction;
  geometryOf(call: Metas<A>): Geometry | undefined;
  readonly operands: Operands;
}

const named = (operands: Operands, { inputs }: Call<Attributes>): Operands =>
  inputs[2] ? { ...operands, bias: 'bias' } : operands;

function softwareVariants<A extends Attributes>({
  direction,
  geometryOf,
  operands,
}: Matrix<A>): Record<string, Variant<A>> {
  const geo = (call: Call<A>): Geometry => geometryOf(call)!;
  const variant = (layout: SoftwareLayout, fits: (geo: Geometry, call: Call<A>) => boolean): Variant<A> => ({
    valid: (call) => {
      const found = geometryOf(call);
      return found !== undefined && runsSoftware(direction, found, call) && fits(found, call);
    },
    scratch: (call) => softwareScratch(direction, geo(call), call),
    passes: (call) => softwarePasses(direction, geo(call), call, named(operands, call), layout),
  });
  const rows = (count: number) =>
    variant(
      { rows: count },
      (found, { capabilities }) => rowsFor(direction, found, capabilities.subgroupSize) !== count,
    );
  return {
    software: variant({}, () => true),
    ...(direction === 'weights' ? {} : { rows8: rows(8), rows16: rows(16), rows32: rows(32) }),
    buffers: variant({ buffers: true }, (_, { capabilities }) => capabilities.subgroupSize === 8),
  };
}

function tileVariants<A extends Attributes>({
  direction,
  geometryOf,
  operands,
}: Matrix<A>): Record<string, Variant<A>> {
  const variant = (
    tileOf: (geo: Geometry) => keyof typeof TILES,
    fits: (geo: Geometry) => boolean,
  ): Variant<A> => {
    const tile = (call: Call<A>) => TILES[tileOf(geometryOf(call)!)];
    return {
      valid: (call) => {
        const found = geometryOf(call);
        return !call.capabilities.software && found !== undefined && fits(found);
      },
      scratch: (call) => tileScratch(direction, geometryOf(call)!, call, tile(call)),
      passes: (call) => tilePasses(direction, geometryOf(call)!, call, named(operands, call), tile(call)),
    };
  };
  const names = Object.keys(TILES) as (keyof typeof TILES)[];
  const others = names.map((name) => [
    name,
    variant(
      () => name,
      (found) => defaultTile(direction, found) !== name,
    ),
  ]);
  const standard = variant(
    (found) => defaultTile(direction, found),
    () => true,
  );
  const half = direction === 'forward' ? { tile_f16: halfVariant({ direction, geometryOf, operands }) } : {};
  return { ...half, tile: standard, ...Object.fromEntries(others) };
}

/**
 * Operands rounded to 16 bits on their way into workgroup memory, summed in 32: half the traffic there, twice the workgroups a core
 * holds. Forward only: gradients are often below the 6e-5 where f16 begins to lose digits.
 */
function halfVariant<A extends Attributes>({ direction, geometryOf, operands }: Matrix<A>): Variant<A> {
  const tile = (geo: Geometry) => TILES[defaultTile(direction, geo)];
  return {
    tolerance: 2e-3,
    valid: ({ capabilities: { software, halves, features }, ...call }) =>
      !software && halves === true && features.has('shader-f16') && geometryOf(call) !== undefined,
    scratch: (call) => tileScratch(direction, geometryOf(call)!, call, tile(geometryOf(call)!)),
    passes: (call) => {
      const geo = geometryOf(call)!;
      return tilePasses(direction, geo, call, named(operands, call), tile(geo), true);
    },
  };
}
