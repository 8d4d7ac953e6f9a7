import type { Call } from '../engine/op.js';
import { linearGrid } from '../engine/op.js';

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

/** How shaders/lib/column-sums.wgsl splits the rows: chunks whose sums a second pass adds. */
export interface ColumnSums {
  readonly chunks: number;
  readonly constants: Readonly<Record<string, number | boolean>>;
  readonly params: Readonly<Record<'rows' | 'columns' | 'chunk' | 'chunks' | 'lanes', number>>;
  readonly grid: readonly [number, number, number];
}

export type Layout = (matrix: Matrix) => ColumnSums;

/** Each thread sums a column over a chunk of 32 to 512 rows: 4096 threads keep the cores of a CPU busy. */
export const columnThreads: Layout = ({ rows, channels }) => {
  const width = widthFor(channels);
  const columns = channels / width;
  const chunk = clamp(Math.ceil((rows * columns) / 4096), 32, 512);
  return threads(rows, columns, width, chunk);
};

/** One thread a column over all rows. */
export const naiveColumns: Layout = ({ rows, channels }) => threads(rows, channels, 1, rows);

function threads(rows: number, columns: number, width: number, chunk: number): ColumnSums {
  const chunks = Math.ceil(rows / chunk);
  return {
    chunks,
    constants: { VEC: width, TILE: false },
    params: { rows, columns, chunk, chunks, lanes: 1 },
    grid: linearGrid(columns * chunks, 64),
  };
}

/** Workgroups of up to 64 columns, so that neighbours read neighbouring addresses; about 1024 workgroups fill a large GPU. */
export const columnTiles: Layout = ({ rows, channels }) => {
  const width = widthFor(channels);
  const columns = channels / width;
  const lanes = Math.min(64, 2 ** Math.ceil(Math.log2(columns)));
  const across = Math.ceil(columns / lanes);
  const high = 256 / lanes;
  const chunk = high * clamp(Math.ceil((rows * across) / 1024 / high), 8, 512);
  const chunks = Math.ceil(rows / chunk);
  return {
    chunks,
    constants: { VEC: width, TILE: true },
    params: { rows, columns, chunk, chunks, lanes },
    grid: [across, chunks, 1],
  };
};

/** Variants of an operation around a split reduction, in the order of preference. */
export const layouts: Readonly<Record<string, { layout: Layout; valid?(call: Call): boolean }>> = {
  threads: { layout: columnThreads, valid: ({ capabilities }) => capabilities.software },
  tiles: { layout: columnTiles },
  naive: { layout: naiveColumns },
};

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
