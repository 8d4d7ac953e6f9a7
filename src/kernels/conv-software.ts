import { type Attributes, type Call, linearGrid, type Pass } from '../engine/op.js';
import type { Geometry } from './conv-geometry.js';

/** Enough workgroups for any number of CPU cores to share evenly. */
const ENOUGH_GROUPS = 256;

/** Whether the adapter runs the kernels that are laid out for CPUs. */
export const runsSoftware = ({ capabilities }: Call<Attributes>): boolean =>
  capabilities.software &&
  capabilities.features.has('subgroups') &&
  (capabilities.subgroupSize === 8 || capabilities.subgroupSize === 4);

/** A tile is as many rows by a subgroup of column quads. Storage textures are the fastest way in on lavapipe only (8 lanes). */
function tile({ subgroupSize }: Call['capabilities'], rows: number) {
  const ROWS = rows > 8 ? 16 : 8;
  return { LANES: subgroupSize, ROWS, HALVES: ROWS / subgroupSize, TEXTURE: subgroupSize === 8 };
}

/** The forward pass or the data gradient of a convolution whose channels come in quads. `bind`: shader variable -> tensor name. */
export function softwareProduct(
  direction: 'forward' | 'data',
  geo: Geometry,
  { capabilities, accumulate }: Call<Attributes>,
  bind: Readonly<Record<string, string>>,
): Pass[] {
  const { batch, height, width, outHeight, outWidth, groups, ci, co, stride } = geo;
  const data = direction === 'data';
  const rows = batch * (data ? Math.ceil(height / stride) * Math.ceil(width / stride) : outHeight * outWidth);
  const columns = data ? ci : co;
  const constants = {
    ...tile(capabilities, rows),
    DATA_GRADIENT: data,
    ACCUMULATE: accumulate[0] ?? false,
    BIAS: 'bias' in bind,
  };
  const grid: Pass['grid'] = [
    Math.ceil(columns / (4 * constants.LANES)),
    Math.ceil(rows / constants.ROWS),
    groups * (data ? stride * stride : 1),
  ];
  return [{ shader: 'conv2d-software', constants, params: { ...geo }, grid, bind }];
}

/** How many ranges of pixels the weight gradient is split into, and their length. */
function splitsOf({ batch, outHeight, outWidth, groups, kh, kw, ci, co }: Geometry, lanes: number) {
  const pixels = batch * outHeight * outWidth;
  const tiles = groups * Math.ceil((kh * kw * ci) / 16) * Math.ceil(co / (4 * lanes));
  const wanted = Math.min(Math.ceil(ENOUGH_GROUPS / tiles), Math.ceil(pixels / (16 * lanes)));
  const chunk = Math.ceil(pixels / wanted / lanes) * lanes;
  return { chunk, splits: Math.ceil(pixels / chunk) };
}

/** Temporary tensors of softwareWeightGradient(). */
export function softwareWeightScratch(
  geo: Geometry,
  { capabilities }: Call<Attributes>,
): Record<string, number> {
  const { splits } = splitsOf(geo, capabilities.subgroupSize);
  const { groups, kh, kw, ci, co } = geo;
  return splits > 1 ? { parts: splits * groups * kh * kw * ci * co } : {};
}

/** The weight gradient of a convolution whose channels come in quads; x, dy and dw are the names of the tensors. */
export function softwareWeightGradient(
  geo: Geometry,
  { capabilities, accumulate }: Call<Attributes>,
): Pass[] {
  const { subgroupSize: LANES } = capabilities;
  const { groups, kh, kw, ci, co } = geo;
  const { chunk, splits } = splitsOf(geo, LANES);
  const ACCUMULATE = accumulate[0] ?? false;
  const main: Pass = {
    shader: 'conv2d-weight-gradient-software',
    constants: { LANES, TEXTURE: LANES === 8, ACCUMULATE: ACCUMULATE && splits === 1 },
    params: { ...geo, chunk },
    grid: [Math.ceil(co / (4 * LANES)), Math.ceil((kh * kw * ci) / 16), groups * splits],
    bind: splits > 1 ? { dw: 'parts' } : {},
  };
  if (splits === 1) return [main];
  const quads = (groups * kh * kw * ci * co) / 4;
  const sum: Pass = {
    shader: 'split-sum',
    constants: { ACCUMULATE },
    params: { quads, splits },
    grid: linearGrid(quads, 256),
    bind: { y: 'dw' },
  };
  return [main, sum];
}
