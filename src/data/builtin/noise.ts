/** A tile of fractal noise, baked once and sampled per pixel: skin pores, hair strands, backgrounds. */
import type { Rng } from '../../rng.js';

const SIDE = 64;

export class NoiseTile {
  private readonly values = new Float32Array(SIDE * SIDE);

  /** Octaves of value noise of 64/`coarsest`, then twice, four times ... that frequency, each at half the amplitude. */
  constructor(rng: Rng, coarsest: number) {
    let amplitude = 1;
    for (let cell = coarsest; cell >= 1; cell >>= 1, amplitude /= 2) {
      const lattice = Float32Array.from({ length: (SIDE / cell) ** 2 }, () => rng.range(-1, 1));
      const n = SIDE / cell;
      for (let y = 0; y < SIDE; y++)
        for (let x = 0; x < SIDE; x++)
          this.values[SIDE * y + x]! += amplitude * sampleLattice(lattice, n, x / cell, y / cell);
    }
  }

  /** Noise of about -1.5..1.5 at a point; the tile repeats every 1 x 1. */
  at(x: number, y: number): number {
    return sampleLattice(this.values, SIDE, x * SIDE, y * SIDE);
  }
}

/** Bilinear sample of a periodic n x n lattice; n is a power of two. */
function sampleLattice(lattice: Float32Array, n: number, x: number, y: number): number {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const fx = x - x0;
  const left = x0 & (n - 1);
  const right = (x0 + 1) & (n - 1);
  const top = n * (y0 & (n - 1));
  const bottom = n * ((y0 + 1) & (n - 1));
  const upper = lattice[top + left]! * (1 - fx) + lattice[top + right]! * fx;
  const lower = lattice[bottom + left]! * (1 - fx) + lattice[bottom + right]! * fx;
  return upper + (y - y0) * (lower - upper);
}
