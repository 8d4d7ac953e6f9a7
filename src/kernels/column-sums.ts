import { type Attributes, type Call, linearGrid, need, type Pass, type Variant } from '../engine/op.js';
import {
  type Blocks,
  blocksFor,
  type Matrix,
  matrixOf,
  NARROW,
  threadsAcross,
  walksColumns,
  widthFor,
} from './blocks.js';

/** How shaders/lib/column-sums.wgsl splits the rows: chunks whose sums a second pass adds. */
export interface ColumnSums {
  readonly chunks: number;
  readonly blocks: Blocks;
  /** Rows are folded in workgroup memory. */
  readonly tile: boolean;
  readonly params: Readonly<Record<'rows' | 'columns' | 'chunk' | 'chunks', number>>;
  readonly grid: readonly [number, number, number];
}

export type Layout = (matrix: Matrix, call: Pick<Call, 'capabilities'>) => ColumnSums;

/** Each thread sums its columns over a chunk of 32 to 64 rows: 1024 threads keep the cores of a CPU busy. */
export const columnThreads: Layout = (matrix, call) => {
  const blocks = blocksFor(matrix, widthFor(matrix.channels), call);
  const chunk = clamp(Math.ceil((matrix.rows * threadsAcross(matrix, blocks)) / 1024), 32, 64);
  return threads(matrix, blocks, chunk);
};

/** One thread a column and chunk; longer chains of sums would lose digits. */
export const naiveColumns: Layout = (matrix) => threads(matrix, NARROW, 128);

function threads(matrix: Matrix, blocks: Blocks, chunk: number): ColumnSums {
  const { rows, channels } = matrix;
  const chunks = Math.ceil(rows / chunk);
  return {
    chunks,
    blocks,
    tile: false,
    params: { rows, columns: channels / blocks.VEC, chunk, chunks },
    grid: linearGrid(threadsAcross(matrix, blocks) * chunks, 64),
  };
}

/** Workgroups of up to 64 columns, so that neighbours read neighbouring addresses; about 1024 workgroups fill a large GPU. */
export const columnTiles: Layout = ({ rows, channels }) => {
  const VEC = widthFor(channels);
  const columns = channels / VEC;
  const LANES = Math.min(64, 2 ** Math.ceil(Math.log2(columns)));
  const across = Math.ceil(columns / LANES);
  const high = 256 / LANES;
  const chunk = high * clamp(Math.ceil((rows * across) / 1024 / high), 8, 512);
  const chunks = Math.ceil(rows / chunk);
  return {
    chunks,
    blocks: { VEC, LANES, BLOCKS: 1 },
    tile: true,
    params: { rows, columns, chunk, chunks },
    grid: [across, chunks, 1],
  };
};

/** Variants of an operation on columns, in the order of preference: all at once where that pays, else around a split reduction. */
export const columnVariants = <A extends Attributes>(
  whole: (call: Call<A>) => Pass,
  split: (layout: Layout) => Variant<A>,
): Record<string, Variant<A>> => ({
  columns: {
    valid: (call) => walksColumns(matrixOf(need(call.inputs, 0).shape), call),
    passes: (call) => [whole(call)],
  },
  ...Object.fromEntries(
    Object.entries(layouts).map(([name, { layout, ...rest }]) => [name, { ...rest, ...split(layout) }]),
  ),
});

const layouts: Readonly<Record<string, { layout: Layout; valid?(call: Call): boolean }>> = {
  threads: { layout: columnThreads, valid: ({ capabilities }) => capabilities.software },
  tiles: { layout: columnTiles },
  naive: { layout: naiveColumns },
};

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
