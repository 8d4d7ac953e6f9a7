import type { Capabilities } from '../engine/op.js';

/**
 * Whether a barrier costs more than it saves: SwiftShader (4 lanes) suspends and resumes every thread of the workgroup at each, 7 ms
 * for a pooling of 130,000 elements that takes 0.3 ms without. On lavapipe (8 lanes) both ways cost the same.
 */
export const avoidsBarriers = ({ software, subgroupSize }: Capabilities): boolean =>
  software && subgroupSize < 8;

/** Threads of a workgroup that is one subgroup, on an adapter that computes on the CPU: 8 where it names no size. */
export const softwareLanes = ({ subgroupSize }: Capabilities): number => subgroupSize || 8;

/**
 * Whether bulk data comes in faster through a storage texture: lavapipe (8 lanes) loads a quad from one three times as fast as from a
 * buffer, whose components it takes lane by lane.
 */
export const prefersTextures = ({ software, subgroupSize }: Capabilities): boolean =>
  software && subgroupSize === 8;

/**
 * Whether the driver gives each of its threads an equal share of a dispatch's workgroups beforehand, as lavapipe (8 lanes) does:
 * whichever finishes early is idle. SwiftShader (4 lanes) deals them out in 16 parts.
 */
export const sharesBeforehand = ({ software, features, subgroupSize }: Capabilities): boolean =>
  software && features.has('subgroups') && subgroupSize === 8;

/**
 * Whether threads may hand sums round in a subgroup without memory and barriers: on a GPU all of whose subgroups are of one size.
 * That their lanes are consecutive threads nothing promises, so a variant that counts on it is no default: the tuner compares its values
 * with the naive one's first.
 */
export const sumsInSubgroups = ({ software, features, subgroupSize }: Capabilities): boolean =>
  !software && features.has('subgroups') && subgroupSize > 0;
