import type { Pass } from './op.js';
import { type Plan, Scratch } from './plan.js';
import type { Reflection } from './shader.js';
import { bytesOf, type Tensor } from './tensor.js';

// Tensors that a kernel reads through a texture are copied into it first. lib/texel.wgsl says the same of where their elements lie.

/** Width of staging textures in texels of four f32: texel i of a tensor lies at (i % 1024, i / 1024). */
export const TEXTURE_WIDTH = 1024;
export const TEXTURE_ROW_BYTES = TEXTURE_WIDTH * 16;

/**
 * Texels at the end of a row that nothing fills. Rows as long as a power of two would put elements a power of two apart into one set of a
 * CPU's cache, which holds 8 lines: a 1x1 convolution's data gradient with 1024 channels is 1.4 times as fast with them on lavapipe.
 */
const TEXTURE_PADDING = 4;

export const textureSize = (rows: number): [number, number] => [TEXTURE_WIDTH + TEXTURE_PADDING, rows];

export const textureBytes = (rows: number): number => textureSize(rows)[0] * 16 * rows;

/** Rows of a staging texture that a tensor fills. */
export const textureRows = (value: Tensor | Scratch): number =>
  Math.ceil((value instanceof Scratch ? value.bytes : bytesOf(value)) / TEXTURE_ROW_BYTES);

/**
 * Heights of the staging textures: each holds what is staged at its position in a pass or at one before, since a tensor makes room for
 * another that its texture still holds.
 */
export function tallestStaged(plans: readonly Plan[], reflectionOf: (pass: Pass) => Reflection): number[] {
  const rows: number[] = [];
  for (const { names, passes } of plans.flatMap(({ calls }) => calls))
    for (const pass of passes) {
      let tallest = 1;
      reflectionOf(pass)
        .bindings.filter(({ kind }) => kind === 'texture')
        .forEach(({ name }, i) => {
          const value = names.get(pass.bind?.[name] ?? name);
          if (value) tallest = Math.max(tallest, textureRows(value));
          rows[i] = Math.max(rows[i] ?? 1, tallest);
        });
    }
  return rows;
}
