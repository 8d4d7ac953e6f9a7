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
