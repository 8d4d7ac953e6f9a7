import { type Call, linearGrid } from '../engine/op.js';
import { prefersTextures } from './adapter-traits.js';

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
  /** Whether operands come through textures, which hold quads. */
  readonly TEXTURE: boolean;
}

/** Below this many bytes the copy into a texture costs more than it saves. */
const LEAST_STAGED = 2 ** 20;

/**
 * A GPU's neighbours read 64 columns at once. On a CPU 8 lanes are a subgroup: it takes up to 8 times as many columns, so that its way
 * through memory is long enough to be foreseen by the prefetcher (2.2 times as fast for the gradient of [4,56,56,256] on lavapipe). On
 * lavapipe each unrolled access to a buffer costs some 40 ms of code generation: what is not staged, and small, takes 2.
 */
export function blocksFor(
  { rows, channels }: Matrix,
  VEC: number,
  { capabilities }: Pick<Call, 'capabilities'>,
): Blocks {
  const columns = channels / VEC;
  const LANES = Math.min(capabilities.software ? 8 : 64, 2 ** Math.ceil(Math.log2(columns)));
  const across = Math.ceil(columns / LANES);
  const TEXTURE = VEC === 4 && prefersTextures(capabilities) && 4 * rows * channels >= LEAST_STAGED;
  const most = TEXTURE || capabilities.subgroupSize < 8 ? 8 : 2;
  const BLOCKS = capabilities.software ? Math.ceil(across / Math.ceil(across / most)) : 1;
  return { VEC, LANES, BLOCKS, TEXTURE };
}

/** One thread a column. */
export const NARROW: Blocks = { VEC: 1, LANES: 1, BLOCKS: 1, TEXTURE: false };

/** Threads that it takes to serve all columns. */
export const threadsAcross = ({ channels }: Matrix, { VEC, LANES, BLOCKS }: Blocks): number =>
  LANES * Math.ceil(channels / VEC / (LANES * BLOCKS));

/** Constants, sizes and grid of an elementwise pass, `ROWS` rows a thread. */
export function elementwise(matrix: Matrix, blocks: Blocks) {
  const ROWS = blocks.BLOCKS > 1 ? 16 : 8;
  return {
    constants: { ...blocks, ROWS },
    params: { rows: matrix.rows, columns: matrix.channels / blocks.VEC },
    grid: linearGrid(threadsAcross(matrix, blocks) * Math.ceil(matrix.rows / ROWS), 64),
  };
}
