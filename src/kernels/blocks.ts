import { type Call, linearGrid } from '../engine/op.js';
import { softwareLanes } from './adapter-traits.js';
import { shared } from './work-queue.js';

/** A matrix whose columns are reduced or scaled: NHWC tensors with all but the channels as rows. */
export interface Matrix {
  readonly rows: number;
  readonly channels: number;
}

/** Views [..., C] as [rows, C]. */
export const matrixOf = (shape: readonly number[]): Matrix => {
  const channels = shape.at(-1) ?? 1;
  return { channels, rows: shape.slice(0, -1).reduce((product, n) => product * n, 1) };
};

/** Channels that a thread reads at once. */
export const widthFor = (channels: number): number => (channels % 4 === 0 ? 4 : 1);

/** How threads share a matrix (shaders/lib/blocks.wgsl), as constants of the shader. */
export interface Blocks {
  /** Channels of a column. */
  readonly VEC: number;
  /** Threads side by side. */
  readonly LANES: number;
  /** Columns of a thread, LANES apart. */
  readonly BLOCKS: number;
}

/**
 * A GPU's neighbours read 64 columns at once. On a CPU a subgroup takes several times its lanes, so that its way through memory is long
 * enough to be foreseen by the prefetcher: SwiftShader's 4 lanes 8 times as many, lavapipe's 8 twice, beyond which sums and parameters
 * outnumber the registers. (Through textures 8 times pay as well, but the copies into them take longer than the loads they save.)
 */
export function blocksFor(
  { channels }: Matrix,
  VEC: number,
  { capabilities }: Pick<Call, 'capabilities'>,
): Blocks {
  const columns = channels / VEC;
  const LANES = Math.min(capabilities.software ? 8 : 64, 2 ** Math.ceil(Math.log2(columns)));
  const across = Math.ceil(columns / LANES);
  const most = capabilities.subgroupSize < 8 ? 8 : 2;
  const BLOCKS = capabilities.software ? Math.ceil(across / Math.ceil(across / most)) : 1;
  return { VEC, LANES, BLOCKS };
}

/** One thread a column. */
export const NARROW: Blocks = { VEC: 1, LANES: 1, BLOCKS: 1 };

/** Threads that it takes to serve all columns. */
export const threadsAcross = ({ channels }: Matrix, { VEC, LANES, BLOCKS }: Blocks): number =>
  LANES * Math.ceil(channels / VEC / (LANES * BLOCKS));

/** Constants, sizes and grid of an elementwise pass, `ROWS` rows a thread. */
export function elementwise(matrix: Matrix, blocks: Blocks) {
  const ROWS = blocks.BLOCKS > 1 ? 32 : 8;
  return {
    constants: { ...blocks, ROWS },
    params: { rows: matrix.rows, columns: matrix.channels / blocks.VEC },
    grid: linearGrid(threadsAcross(matrix, blocks) * Math.ceil(matrix.rows / ROWS), 64),
  };
}

/** Elements that a CPU's caches hold. */
const CACHED = 2 ** 22;
/** Channels whose rows lie so close together that a walk down a column is foreseen by the prefetcher even beyond the caches. */
const CLOSE = 256;

/**
 * Whether a CPU should walk down whole columns, a thread each, and again for what follows from their sums, rather than sum chunks in a
 * pass of their own: one dispatch for three, and what does not exceed the caches is read from memory once (on lavapipe batch norm takes
 * 0.5 to 0.8 of the time). Two subgroups at least occupy two cores.
 */
export const walksColumns = (
  { rows, channels }: Matrix,
  { capabilities }: Pick<Call, 'capabilities'>,
): boolean =>
  capabilities.software &&
  channels / widthFor(channels) > softwareLanes(capabilities) &&
  (channels <= CLOSE || rows * channels <= CACHED);

/** A pass over whole columns (shaders/lib/column-walk.wgsl). */
export function columnwise({ rows, channels }: Matrix, call: Pick<Call, 'capabilities'>) {
  const VEC = widthFor(channels);
  const LANES = softwareLanes(call.capabilities);
  const columns = channels / VEC;
  const { constants, grid } = shared(Math.ceil(columns / LANES), LANES, call);
  return {
    constants: { ...constants, VEC },
    params: { rows, columns, block: Math.ceil(Math.cbrt(rows)) },
    grid,
  };
}
