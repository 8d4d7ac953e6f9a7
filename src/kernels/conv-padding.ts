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
  let computed = 0;
  for (let i = 0; i < kh; i++) {
    const rowMeets = meets(outHeight, i - top, stride, height);
    for (let j = 0; j < kw; j++) {
      const columnMeets = meets(outWidth, j - left, stride, width);
      let last = -1;
      for (let place = 0; place < places; place++) {
        const tile = Math.floor(place / placesOfTile);
        if (tile === last || !rowMeets[Math.floor(place / outWidth)] || !columnMeets[place % outWidth])
          continue;
        computed++;
        last = tile;
      }
    }
  }
  return computed / (Math.ceil(places / placesOfTile) * kh * kw);
}

/** Of `count` places along an axis: whether what lies `shift` on from each is in the image. */
const meets = (count: number, shift: number, stride: number, size: number): boolean[] =>
  Array.from({ length: count }, (_, place) => {
    const at = place * stride + shift;
    return at >= 0 && at < size;
  });
