import { type Call, linearGrid } from '../engine/op.js';
import { softwareLanes } from './adapter-traits.js';

/**
 * How threads share a flat array of `size` elements (shaders/lib/stretch.wgsl). A GPU hides latency with many threads. On a CPU each
 * subgroup has a prologue and its own checks of the mask, which a loop pays once: on lavapipe Adam takes 0.75 of the time.
 */
export function stretches(size: number, { capabilities }: Pick<Call, 'capabilities'>) {
  const WIDTH = capabilities.software ? softwareLanes(capabilities) : 256;
  const EACH = capabilities.software ? 64 : 1;
  return { constants: { WIDTH, EACH }, params: { size }, grid: linearGrid(size, WIDTH * EACH) };
}
