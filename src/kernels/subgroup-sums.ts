import type { Attributes, Capabilities, Variant } from '../engine/op.js';
import { sumsInSubgroups } from './adapter-traits.js';

/** How threads add up what each of them has: through workgroup memory, or in subgroups first. */
export type Way = 'naive' | 'subgroups';

/** The lanes of a subgroup, for shaders that sum in one (lib/workgroup-sum, lib/sinkhorn). */
export const subgroupOf = (way: Way, { subgroupSize }: Capabilities): Record<string, number> =>
  way === 'subgroups' ? { SUBGROUP: subgroupSize } : {};

/** A variant for each way. */
export const bothWays = <A extends Attributes>(
  variant: (way: Way) => Omit<Variant<A>, 'valid'>,
): Record<Way, Variant<A>> => ({
  naive: variant('naive'),
  subgroups: { ...variant('subgroups'), valid: ({ capabilities }) => sumsInSubgroups(capabilities) },
});
