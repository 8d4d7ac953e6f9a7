/** OpenCV's bilinear `warpAffine` on 8-bit pictures, byte for byte, with black outside (METHOD 5.8). */
import { type Image, rint } from '../image.js';
import { operation } from './operation.js';

/** A type, not an interface: parameters are records. */
export type Placement = {
  /** In degrees, anticlockwise. */
  readonly angle: number;
  readonly scale: number;
  /** In widths to the right, and in heights down. */
  readonly dx: number;
  readonly dy: number;
};

const { imul } = Math;

/** Rotates and scales about the middle of the picture, then shifts. */
export function shiftScaleRotate(image: Image, placement: Placement): Image {
  const { width, height, data: source } = image;
  const [a, b, c, d, e, f] = inverse(matrix(image, placement));
  // Source coordinates have 10 bits behind the point on the way, 5 at last.
  const fixed = (value: number) => rint(1024 * value);
  const alongX = Int32Array.from({ length: width }, (_, x) => fixed(a * x));
  const alongY = Int32Array.from({ length: width }, (_, x) => fixed(d * x));
  const data = new Uint8Array(source.length);
  const stride = 3 * width;
  for (let y = 0, to = 0; y < height; y++) {
    const startX = fixed(b * y + c) + 16;
    const startY = fixed(e * y + f) + 16;
    for (let x = 0; x < width; x++, to += 3) {
      const fromX = (startX + alongX[x]!) >> 5;
      const fromY = (startY + alongY[x]!) >> 5;
      const left = fromX >> 5;
      const top = fromY >> 5;
      if (left < -1 || top < -1 || left >= width || top >= height) continue;
      const fx = fromX & 31;
      const fy = fromY & 31;
      // Weights in 1/1024. A tap outside is black: its weight is 0, and it reads its neighbour inside.
      let w00 = (32 - fx) * (32 - fy);
      let w01 = fx * (32 - fy);
      let w10 = (32 - fx) * fy;
      let w11 = fx * fy;
      let at = top * stride + 3 * left;
      let right = 3;
      let below = stride;
      if (left < 0 || top < 0 || left === width - 1 || top === height - 1) {
        if (left < 0) w00 = w10 = 0;
        if (top < 0) w00 = w01 = 0;
        if (left === width - 1) w01 = w11 = right = 0;
        if (top === height - 1) w10 = w11 = below = 0;
        if (left < 0) {
          at += 3;
          right = 0;
        }
        if (top < 0) {
          at += stride;
          below = 0;
        }
      }
      for (let k = 0; k < 3; k++) {
        const upper = imul(source[at + k]!, w00) + imul(source[at + k + right]!, w01);
        const lower = imul(source[at + k + below]!, w10) + imul(source[at + k + below + right]!, w11);
        data[to + k] = (upper + lower + 512) >> 10;
      }
    }
  }
  return { ...image, data };
}

type Affine = readonly [number, number, number, number, number, number];

/** x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5 from a point to where it goes; y points down. */
function matrix({ width, height }: Image, { angle, scale, dx, dy }: Placement): Affine {
  const [centreX, centreY] = [width / 2 - 0.5, height / 2 - 0.5];
  const cosine = Math.cos((angle * Math.PI) / 180) * scale;
  const sine = Math.sin((angle * Math.PI) / 180) * scale;
  return [
    cosine,
    sine,
    (1 - cosine) * centreX - sine * centreY + dx * width,
    -sine,
    cosine,
    sine * centreX + (1 - cosine) * centreY + dy * height,
  ];
}

function inverse([a, b, c, d, e, f]: Affine): Affine {
  const determinant = 1 / (a * e - b * d);
  const [ia, ib, id, ie] = [e * determinant, -b * determinant, -d * determinant, a * determinant];
  return [ia, ib, -ia * c - ib * f, id, ie, -id * c - ie * f];
}

export const placement = operation({
  name: 'shift_scale_rotate',
  fields: {
    shift: { standard: [-0.1, 0.1], limits: [-1, 1] },
    scale: { standard: [0.8, 1.2], limits: [0.1, 10] },
    angle: { standard: [-10, 10], limits: [-180, 180] },
  },
  draw: (rng, { shift, scale, angle }) => ({
    angle: rng.range(...angle),
    scale: rng.range(...scale),
    dx: rng.range(...shift),
    dy: rng.range(...shift),
  }),
  apply: (image, parameters) => shiftScaleRotate(image, parameters),
});
