/** Where the people of the photographs are. Measured by hand. */

/** A square crop of a photograph, in its pixels: centre, side, and the head's tilt in degrees, clockwise. */
export interface PhotographBox {
  readonly photo: string;
  readonly x: number;
  readonly y: number;
  readonly side: number;
  readonly angle: number;
}

export const BOXES: readonly PhotographBox[] = [
  { photo: 'sample1.jpg', x: 479, y: 493, side: 286, angle: -4.3 },
  { photo: 'sample1.jpg', x: 924, y: 557, side: 256, angle: -26.6 },
  { photo: 'sample1.jpg', x: 1566, y: 330, side: 310, angle: 42.2 },
  { photo: 'sample2.jpg', x: 985, y: 374, side: 243, angle: -2.5 },
  { photo: 'sample2.jpg', x: 1533, y: 294, side: 287, angle: -23.0 },
  { photo: 'sample3.jpg', x: 675, y: 466, side: 360, angle: 0.8 },
  { photo: 'sample3.jpg', x: 1159, y: 364, side: 361, angle: 8.5 },
  { photo: 'sample3.jpg', x: 1603, y: 442, side: 365, angle: -0.4 },
  { photo: 'sample4.jpg', x: 363, y: 330, side: 299, angle: -17.1 },
  { photo: 'sample4.jpg', x: 728, y: 193, side: 285, angle: 24.9 },
  { photo: 'sample4.jpg', x: 1046, y: 309, side: 261, angle: -1.8 },
  { photo: 'sample4.jpg', x: 1341, y: 275, side: 268, angle: 21.0 },
  { photo: 'sample5.jpg', x: 474, y: 1021, side: 393, angle: -7.8 },
  { photo: 'sample5.jpg', x: 716, y: 544, side: 312, angle: -2.0 },
  { photo: 'sample5.jpg', x: 882, y: 226, side: 296, angle: 7.8 },
  { photo: 'sample5.jpg', x: 1183, y: 321, side: 275, angle: 4.4 },
  { photo: 'sample5.jpg', x: 1485, y: 536, side: 388, angle: -7.9 },
  { photo: 'sample6.jpg', x: 378, y: 635, side: 356, angle: -9.0 },
  { photo: 'sample6.jpg', x: 754, y: 487, side: 385, angle: -10.8 },
  { photo: 'sample6.jpg', x: 1276, y: 463, side: 363, angle: 1.7 },
  { photo: 'sample6.jpg', x: 1572, y: 420, side: 369, angle: 14.6 },
];
