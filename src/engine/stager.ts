import type { StagingTexture } from './gpu-memory.js';
import { type Command, type Place, stage } from './gpu-program.js';
import type { Scratch } from './plan.js';
import { textureRows } from './staging.js';
import { overlap, type Tensor } from './tensor.js';

/** What a dispatch reads through a texture. */
export interface Source {
  readonly at: Place;
  readonly value: Tensor | Scratch;
}

/**
 * Gives the sources of one dispatch after another their textures. What a texture still holds is not copied again: a convolution's weight
 * gradient finds dy where the data gradient before it has put it.
 */
export class Stager {
  private readonly held = new Map<GPUTexture, Place>();

  constructor(private readonly textures: readonly StagingTexture[]) {}

  /** A texture for each source, and the copies to be made before. */
  stage(sources: readonly Source[]): { views: GPUTextureView[]; copies: Command[] } {
    const chosen = this.reusing(sources) ?? this.textures.slice(0, sources.length);
    const copies = sources.flatMap(({ at, value }, i) => {
      const { texture } = chosen[i]!;
      if (this.holds(texture, at)) return [];
      this.held.set(texture, at);
      return [stage(at, texture, value)];
    });
    return { views: chosen.map(({ view }) => view), copies };
  }

  /** A texture no longer holds what a dispatch has written since. */
  forget(written: readonly Place[]): void {
    for (const [texture, place] of this.held)
      if (written.some((other) => overlap(other, place))) this.held.delete(texture);
  }

  /** The textures that hold a source already, and others in their order for the rest; undefined where one of these is too low. */
  private reusing(sources: readonly Source[]): StagingTexture[] | undefined {
    const found = sources.map(({ at }) => this.textures.find(({ texture }) => this.holds(texture, at)));
    const others = this.textures.filter((texture) => !found.includes(texture));
    const chosen = found.map((texture) => texture ?? others.shift()!);
    const fit = sources.every(({ value }, i) => textureRows(value) <= chosen[i]!.texture.height);
    return fit ? chosen : undefined;
  }

  private holds(texture: GPUTexture, { buffer, offset, bytes }: Place): boolean {
    const held = this.held.get(texture);
    return held?.buffer === buffer && held.offset === offset && held.bytes === bytes;
  }
}
