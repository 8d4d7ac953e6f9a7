import type { Geometry } from './conv-geometry.js';

/** How many images stand side by side in a tile of conv2d-software, so that it has few places and meets padding in all or in none. */
const imagesTogether = (batch: number, rows: number): number => Math.min(batch & -batch, rows);

/** Of a forward convolution's products, the share that tiles of so many rows compute: a tap that meets nothing but padding is skipped. */
export function computedShare(geo: Geometry, rows: number): number {
  const { batch, height, width, outHeight, outWidth, kh, kw, stride, top, left } = geo;
  const places = outHeight * outWidth;
  const together = rows / imagesTogether(batch, rows);
  const meets = (place: number, tap: number): boolean => {
    const y = Math.floor(place / outWidth) * stride + Math.floor(tap / kw) - top;
    const x = (place % outWidth) * stride + (tap % kw) - left;
    return y >= 0 && y < height && x >= 0 && x < width;
  };
  let computed = 0;
  for (let first = 0; first < places; first += together) {
    const tile = Array.from({ length: Math.min(together, places - first) }, (_, i) => first + i);
    for (let tap = 0; tap < kh * kw; tap++) if (tile.some((place) => meets(place, tap))) computed++;
  }
  return computed / (Math.ceil(places / together) * kh * kw);
}
