/** Boxes around faces. */

/** In pixels of a picture, from its upper left corner; may reach over the picture's edges. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Face extends Box {
  /** How sure the detector is, 0 to 1. */
  readonly score: number;
}

/** Area of the intersection over area of the union, 0 to 1. */
export function intersectionOverUnion(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}

/** Greedy non-maximum suppression: the best face first, and none that overlaps a better one by more than `limit`. */
export function suppress<F extends Face>(faces: readonly F[], limit: number): F[] {
  const kept: F[] = [];
  for (const face of [...faces].sort((a, b) => b.score - a.score))
    if (kept.every((better) => intersectionOverUnion(face, better) <= limit)) kept.push(face);
  return kept;
}

/**
 * The square of `margin` times a face's longer side around its centre, in whole pixels, moved into the picture where it reaches over an
 * edge, and no larger than the picture: a crop has neither bars nor a stretched side.
 */
export function cropAround(face: Box, margin: number, picture: { width: number; height: number }): Box {
  const wanted = Math.round(margin * Math.max(face.width, face.height));
  const side = Math.max(1, Math.min(wanted, picture.width, picture.height));
  const place = (centre: number, length: number) =>
    Math.min(Math.max(Math.round(centre - side / 2), 0), length - side);
  return {
    x: place(face.x + face.width / 2, picture.width),
    y: place(face.y + face.height / 2, picture.height),
    width: side,
    height: side,
  };
}
