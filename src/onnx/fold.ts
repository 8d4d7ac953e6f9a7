/**
 * A batch norm by fixed statistics behind a layer y = W x + b is part of the layer (Jacob et al., CVPR 2018, section 3.2):
 *   s (W x + b - mean) + bias = (s W) x + (s (b - mean) + bias),   s = weight / sqrt(variance + epsilon)
 */
export interface BatchNorm {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  readonly epsilon: number;
}

/** Reads a batch norm's tensors when a folded weight is written. */
export type Affine = () => Promise<BatchNorm>;

const scaleOf = ({ weight, variance, epsilon }: BatchNorm, c: number): number =>
  weight[c]! / Math.sqrt(variance[c]! + epsilon);

/** s W, for W [outputs, ...] in PyTorch's order; a new array. */
export function scaleRows(weights: Float32Array, norm: BatchNorm): Float32Array {
  const row = weights.length / norm.weight.length;
  const scales = norm.weight.map((_, c) => scaleOf(norm, c));
  return weights.map((value, k) => value * scales[Math.floor(k / row)]!);
}

/** s (b - mean) + bias; b is 0 where the layer has none. */
export const addBias = (b: Float32Array | undefined, norm: BatchNorm): Float32Array =>
  norm.bias.map((shift, c) => scaleOf(norm, c) * ((b?.[c] ?? 0) - norm.mean[c]!) + shift);
