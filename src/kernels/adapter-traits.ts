import type { Capabilities } from '../engine/op.js';

/**
 * Whether a barrier costs more than it saves: SwiftShader (4 lanes) suspends and resumes every thread of the workgroup at each, 7 ms
 * for a pooling of 130,000 elements that takes 0.3 ms without. On lavapipe (8 lanes) both ways cost the same.
 */
export const avoidsBarriers = ({ software, subgroupSize }: Capabilities): boolean =>
  software && subgroupSize < 8;

/**
 * Whether bulk data comes in faster through a storage texture: lavapipe (8 lanes) loads a quad from one three times as fast as from a
 * buffer, whose components it takes lane by lane.
 */
export const prefersTextures = ({ software, subgroupSize }: Capabilities): boolean =>
  software && subgroupSize === 8;
