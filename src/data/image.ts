/** 8-bit colour pictures as the network reads them. */

/** [height, width, 3] bytes, interleaved, rows from the top. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Which colour channel 0 holds: blue as the reference (OpenCV's order), or red. */
export type ChannelOrder = 'bgr' | 'rgb';

/** Turns R,G,B into B,G,R and back, in place. */
export function swapRedAndBlue(image: Image): Image {
  const { data } = image;
  for (let i = 0; i < data.length; i += 3) {
    const first = data[i]!;
    data[i] = data[i + 2]!;
    data[i + 2] = first;
  }
  return image;
}

/** C's rint: to the nearest integer, halves to the even one. */
export function rint(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}
