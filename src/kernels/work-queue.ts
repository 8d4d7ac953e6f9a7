import { type Call, linearGrid } from '../engine/op.js';
import { sharesBeforehand } from './adapter-traits.js';

/** Workgroups that empty a queue: as many as lavapipe has threads at most. */
export const WORKERS = 32;

/** How tiles of LANES threads are shared out (shaders/lib/work-queue.wgsl), as constants of the shader, and the grid. */
export function shared(tiles: number, LANES: number, { capabilities }: Pick<Call, 'capabilities'>) {
  const QUEUE = sharesBeforehand(capabilities);
  const grid = QUEUE ? ([Math.min(tiles, WORKERS), 1, 1] as const) : linearGrid(tiles, 1);
  return { constants: { QUEUE, LANES }, grid };
}
