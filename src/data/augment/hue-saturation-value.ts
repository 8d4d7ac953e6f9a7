/** A shift in OpenCV's 8-bit HSV: hue in 0..179 (METHOD 5.6). Channel 0 is taken for red, whatever it holds: the reference's way. */
import { type Image, rint } from '../image.js';
import { byteTable, operation } from './operation.js';

const { fround, floor } = Math;

/** Reciprocals in 12-bit fixed point: 255 / v for the saturation, 180 / (6 d) = 30 / d for the hue. */
const perValue = Int32Array.from({ length: 256 }, (_, v) => (v === 0 ? 0 : rint((255 * 4096) / v)));
const perDifference = Int32Array.from({ length: 256 }, (_, d) =>
  d === 0 ? 0 : rint((180 * 4096) / (6 * d)),
);

/** For each hue: which sixth of the circle it is in, and how far, in float32. */
const sector = Uint8Array.from({ length: 256 }, (_, h) => floor(fround(h * fround(6 / 180))) % 6);
const within = Float32Array.from({ length: 256 }, (_, h) => {
  const turned = fround(h * fround(6 / 180));
  return turned - floor(turned);
});
const unit = Float32Array.from({ length: 256 }, (_, byte) => byte * fround(1 / 255));

/** The shifted values, in float32 and truncated as numpy does it; hues go round. */
function hueTable(shift: number): Uint8Array {
  return byteTable((h) => {
    const turned = fround(h + fround(shift)) % 180;
    return turned < 0 ? fround(turned + 180) : turned;
  });
}
const shiftTable = (shift: number) => byteTable((byte) => fround(byte + fround(shift)));

/** All three in HSV's 8-bit units. No shift at all leaves the picture as it is, without the rounding of the way there and back. */
export function shiftHsv(image: Image, hue: number, saturation: number, value: number): Image {
  const { data: source } = image;
  if (hue === 0 && saturation === 0 && value === 0) return { ...image, data: source.slice() };
  const hues = hueTable(hue);
  const saturations = shiftTable(saturation);
  const values = shiftTable(value);
  const data = new Uint8Array(source.length);
  for (let i = 0; i < data.length; i += 3) {
    const r = source[i]!;
    const g = source[i + 1]!;
    const b = source[i + 2]!;
    const max = r > g ? (r > b ? r : b) : g > b ? g : b;
    const min = r < g ? (r < b ? r : b) : g < b ? g : b;
    const d = max - min;
    const turn = max === r ? g - b : max === g ? b - r + 2 * d : r - g + 4 * d;
    const angle = (turn * perDifference[d]! + 2048) >> 12;
    const h = hues[angle < 0 ? angle + 180 : angle]!;
    const s = unit[saturations[(d * perValue[max]! + 2048) >> 12]!]!;
    const v = unit[values[max]!]!;
    const f = within[h]!;
    const high = fround(255 * v);
    const low = fround(255 * fround(v * fround(1 - s)));
    const falling = fround(255 * fround(v * fround(1 - fround(s * f))));
    const rising = fround(255 * fround(v * fround(1 - fround(s * fround(1 - f)))));
    switch (sector[h]!) {
      case 0:
        data[i] = high;
        data[i + 1] = rising;
        data[i + 2] = low;
        break;
      case 1:
        data[i] = falling;
        data[i + 1] = high;
        data[i + 2] = low;
        break;
      case 2:
        data[i] = low;
        data[i + 1] = high;
        data[i + 2] = rising;
        break;
      case 3:
        data[i] = low;
        data[i + 1] = falling;
        data[i + 2] = high;
        break;
      case 4:
        data[i] = rising;
        data[i + 1] = low;
        data[i + 2] = high;
        break;
      default:
        data[i] = high;
        data[i + 1] = low;
        data[i + 2] = falling;
    }
  }
  return { ...image, data };
}

export const hueSaturationValue = operation({
  name: 'hue_saturation_value',
  fields: {
    hue: { standard: [-20, 20], limits: [-180, 180] },
    saturation: { standard: [-30, 30], limits: [-255, 255] },
    value: { standard: [-20, 20], limits: [-255, 255] },
  },
  draw: (rng, { hue, saturation, value }) => ({
    hue: rng.range(...hue),
    saturation: rng.range(...saturation),
    value: rng.range(...value),
  }),
  apply: (image, { hue, saturation, value }) => shiftHsv(image, hue, saturation, value),
});
