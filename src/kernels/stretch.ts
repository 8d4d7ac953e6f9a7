import type { Call } from '../engine/op.js';
import { softwareLanes } from './adapter-traits.js';
import { shared } from './work-queue.js';

/**
 * How threads share a flat array of `size` elements (shaders/lib/stretch.wgsl). A GPU hides latency with many threads. On a CPU each
 * subgroup has a prologue and its own checks of the mask, which a loop pays once: on lavapipe Adam takes 0.75 of the time.
 */
export function stretches(size: number, call: Pick<Call, 'capabilities'>) {
  const { capabilities } = call;
  const LANES = capabilities.software ? softwareLanes(capabilities) : 256;
  const EACH = capabilities.software ? 64 : 1;
  const { constants, grid } = shared(Math.ceil(size / (LANES * EACH)), LANES, call);
  return { constants: { ...constants, EACH }, params: { size }, grid };
}
