import { type Attributes, type Call, linearGrid, type Pass } from '../engine/op.js';
import { sizeOf } from '../engine/tensor.js';
import { prefersTextures } from './adapter-traits.js';
import { widthFor } from './blocks.js';

/** What is computed of a convolution: y, or the gradient of x (data) or of w (weights). Each is a matrix product. */
export type Direction = 'forward' | 'data' | 'weights';

/** Names of the tensors that a matrix product reads as rows and columns and writes. */
export interface Operands {
  readonly rows: string;
  readonly columns: string;
  readonly result: string;
  readonly bias?: string;
}

/** How the summed dimension of a matrix product is cut: `splits` ranges of `chunk`, each summed by workgroups of its own. */
export interface Split {
  readonly chunk: number;
  readonly splits: number;
}

/** Tiles of rows, folded where they are more than WebGPU lets one dimension have; the folds go to the columns' dimension. */
export function foldRows(tiles: number): { readonly count: number; readonly folds: number } {
  const folds = Math.ceil(tiles / 65_535);
  return { count: Math.ceil(tiles / folds), folds };
}

/** Enough workgroups for any adapter's cores to share evenly. */
const ENOUGH_GROUPS = 256;

/** Cuts `depth` into ranges of whole `step`s, not shorter than `least`, until `tiles` times as many are enough. */
export function splitDepth(
  depth: number,
  tiles: number,
  step: number,
  least: number,
  enough = ENOUGH_GROUPS,
): Split {
  const wanted = Math.max(1, Math.min(Math.ceil(enough / tiles), Math.floor(depth / least)));
  const chunk = Math.ceil(depth / wanted / step) * step;
  return { chunk, splits: Math.ceil(depth / chunk) };
}

/** Temporary tensors of a split product. */
export const splitScratch = ({ splits }: Split, { outputs }: Call<Attributes>): Record<string, number> =>
  splits > 1 ? { parts: splits * sizeOf(outputs[0]!.shape) } : {};

/**
 * A product's passes: it writes (or adds to) the result itself, or, when split, its parts, which a second pass sums in a fixed order.
 * The product's shader knows its operands as `rows`, `columns`, `result` and `bias`.
 */
export function splitPasses(
  { splits }: Split,
  { outputs, accumulate, capabilities }: Call<Attributes>,
  product: Omit<Pass, 'bind'>,
  operands: Operands,
): Pass[] {
  const ACCUMULATE = accumulate[0] ?? false;
  const whole = splits === 1;
  const main: Pass = {
    ...product,
    constants: { ...product.constants, ACCUMULATE: ACCUMULATE && whole, BIAS: operands.bias !== undefined },
    bind: { ...operands, result: whole ? operands.result : 'parts' },
  };
  if (whole) return [main];
  const elements = sizeOf(outputs[0]!.shape);
  const VEC = widthFor(elements);
  const size = elements / VEC;
  const sum: Pass = {
    shader: 'split-sum',
    constants: { ACCUMULATE, VEC, TEXTURE: VEC === 4 && prefersTextures(capabilities) },
    params: { size, splits },
    grid: linearGrid(size, 64),
    bind: { source: 'parts', y: operands.result },
  };
  return [main, sum];
}
