import { describe, expect, test } from 'vitest';
import type { StagingTexture } from '../../src/engine/gpu-memory.js';
import { Scratch } from '../../src/engine/plan.js';
import { type Source, Stager } from '../../src/engine/stager.js';
import { TEXTURE_ROW_BYTES } from '../../src/engine/staging.js';

const buffer = {} as GPUBuffer;
/** The n-th tensor of the buffer, one row of texels or more. */
const source = (n: number, rows = 1): Source => {
  const bytes = rows * TEXTURE_ROW_BYTES;
  return { at: { buffer, offset: n * 64 * TEXTURE_ROW_BYTES, bytes }, value: new Scratch(bytes) };
};
const [x, w, dy] = [source(0), source(1), source(2)];

/** Stages in textures of these heights; what comes back: for each source its texture, with a + where it is copied there. */
function stager(...heights: number[]) {
  const textures = heights.map((height) => ({ texture: { height }, view: {} }) as unknown as StagingTexture);
  const made = new Stager(textures);
  const indexOf = (found: unknown) =>
    textures.findIndex(({ texture, view }) => texture === found || view === found);
  const stage = (...sources: Source[]): string => {
    const { views, copies } = made.stage(sources);
    const fresh = copies.map((copy) => copy.kind === 'stage' && indexOf(copy.texture));
    return views.map((view) => `${indexOf(view)}${fresh.includes(indexOf(view)) ? '+' : ''}`).join(' ');
  };
  return { stage, forget: made.forget.bind(made) };
}

describe('sources of a dispatch', () => {
  test('have a texture each, and are copied there', () => {
    expect(stager(4, 4).stage(x, w)).toBe('0+ 1+');
  });

  test('are not copied where a texture holds them, and others make room', () => {
    const { stage } = stager(4, 4);
    stage(dy, w);
    expect(stage(dy, x)).toBe('0 1+');
    expect(stage(w, dy)).toBe('1+ 0');
    expect(stage(dy, w)).toBe('0 1');
  });

  test('are copied again once they were written, in part or whole', () => {
    const { stage, forget } = stager(4, 4);
    stage(x, w);
    forget([{ buffer, offset: x.at.offset + 64, bytes: 4 }]);
    expect(stage(x, w)).toBe('0+ 1');
    forget([dy.at, { ...w.at, buffer: {} as GPUBuffer }]);
    expect(stage(x, w)).toBe('0 1');
  });

  test('are copied again where another source of that place is shorter', () => {
    const { stage } = stager(4, 4);
    stage(source(0, 2));
    expect(stage(x)).toBe('0+');
  });

  test('share a texture if they are the same that it holds', () => {
    const { stage } = stager(4, 4);
    stage(x);
    expect(stage(x, x)).toBe('0 0');
  });

  test('stay at their own positions where a texture is too low for what would make room', () => {
    const { stage } = stager(1, 4);
    stage(x, dy);
    expect(stage(dy, source(5, 3))).toBe('0+ 1+');
  });
});
