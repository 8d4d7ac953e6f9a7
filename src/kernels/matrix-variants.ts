import type { Attributes, Call, Metas, Variant } from '../engine/op.js';
import type { Geometry } from './conv-geometry.js';
import {
  packedPasses,
  packedQuads,
  paysToPack,
  runsSoftware,
  softwarePasses,
  softwareScratch,
} from './conv-software.js';
import { tilePasses, tileScratch } from './conv-tile.js';
import type { Direction, Operands } from './matrix-product.js';

/**
 * The fast variants of an operation that is a convolution or one of its gradients: `software` and `packed` (the same with its weights
 * rearranged, forward only) for CPU adapters, `tile` for GPUs.
 * @param geometryOf the convolution that a call is, or undefined where it is none
 */
export function matrixVariants<A extends Attributes>(
  direction: Direction,
  geometryOf: (call: Metas<A>) => Geometry | undefined,
  operands: Operands,
): Record<string, Variant<A>> {
  const geo = (call: Call<A>): Geometry => geometryOf(call)!;
  const named = ({ inputs }: Call<A>): Operands => (inputs[2] ? { ...operands, bias: 'bias' } : operands);
  const runs = (call: Call<A>): boolean => {
    const found = geometryOf(call);
    return found !== undefined && runsSoftware(direction, found, call);
  };
  const forward = direction === 'forward';
  const packed: Variant<A> = {
    valid: runs,
    scratch: (call) => ({ packed: 4 * packedQuads(geo(call), call.capabilities.subgroupSize) }),
    passes: (call) => packedPasses(geo(call), call, named(call)),
  };
  return {
    software: {
      valid: (call) => runs(call) && !(forward && paysToPack(geo(call))),
      scratch: (call) => softwareScratch(direction, geo(call), call),
      passes: (call) => softwarePasses(direction, geo(call), call, named(call)),
    },
    ...(forward ? { packed } : {}),
    tile: {
      valid: (call) => !call.capabilities.software && geometryOf(call) !== undefined,
      scratch: (call) => tileScratch(direction, geo(call), call),
      passes: (call) => tilePasses(direction, geo(call), call, named(call)),
    },
  };
}
