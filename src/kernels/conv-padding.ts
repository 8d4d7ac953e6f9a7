import type { Geometry } from './conv-geometry.js';

/** Images that stand side by side in a tile of conv2d-software: the largest power of two that divides both the batch and a tile's rows. */
const imagesTogether = (batch: number, rows: number): number => (batch | rows) & -(batch | rows);

/**
 * Of a forward convolution's products, the share that conv2d-software computes with tiles of so many rows: a tap of the kernel that meets
 * nothing but padding at all places of a tile is skipped.
 * @returns above 0, up to 1
 */
export function computedShare(geo: Geometry, rows: number): number {
  const { batch, height, width, outHeight, outWidth, kh, kw, stride, top, left } = geo;
  const places = outHeight * outWidth;
  const placesOfTile = rows / imagesTogether(batch, rows);
  const meets = (place: number, tap: number): boolean => {
    const y = Math.floor(place / outWidth) * stride + Math.floor(tap / kw) - top;
    const x = (place % outWidth) * stride + (tap % kw) - left;
    return y >= 0 && y < height && x >= 0 && x < width;
  };
  let computed = 0;
  for (let first = 0; first < places; first += placesOfTile) {
    const tile = Array.from({ length: Math.min(placesOfTile, places - first) }, (_, i) => first + i);
    for (let tap = 0; tap < kh * kw; tap++) if (tile.some((place) => meets(place, tap))) computed++;
  }
  return computed / (Math.ceil(places / placesOfTile) * kh * kw);
}
