/**
 * TinyFaceDetector (V. Mühler, face-api.js, 2018): Tiny YOLO v2 (Redmon and Farhadi, arXiv 1612.08242) for one class, its convolutions
 * but the first depthwise-separable, 190 thousand weights. Symbolic: runs wherever the engine does.
 */
import type { Graph, Shape, Tensor } from '../engine/tensor.js';
import { conv2d } from '../kernels/conv2d.js';
import { depthwiseConv2d } from '../kernels/depthwise-conv2d.js';
import { leakyRelu } from '../kernels/leaky-relu.js';
import { linear } from '../kernels/linear.js';
import { maxPool2d } from '../kernels/max-pool2d.js';
import { type Face, suppress } from './box.js';

/** Output channels of the stem and of the separable convolutions `conv1` to `conv5`. */
const CHANNELS = [16, 32, 64, 128, 256, 512] as const;
/** Anchor boxes, width and height in cells. */
const ANCHORS = [
  [1.603231, 2.094468],
  [6.041143, 7.080126],
  [2.882459, 3.518061],
  [4.266906, 5.178857],
  [9.041765, 10.66308],
] as const;
/** Mean of the training pictures' channels, R,G,B. */
const MEAN = [117.001, 114.697, 97.404] as const;
const SLOPE = 0.1;
/** A cell's side in pixels of the input: five poolings by two. */
export const CELL = 32;
/** Centre x and y, width, height and score. */
const FIELDS_PER_ANCHOR = 5;
const FIELDS = ANCHORS.length * FIELDS_PER_ANCHOR;
/** Largest overlap of two faces, as published. */
const OVERLAP = 0.4;

/** Side of the picture that the net reads for cells x cells cells: the stem has no padding and eats a pixel on each side. */
export const sideOf = (cells: number): number => cells * CELL + 2;

/** Names and shapes of the weights, as the published file has them. */
export const WEIGHTS: Readonly<Record<string, Shape>> = {
  'conv0/filters': [3, 3, 3, CHANNELS[0]],
  'conv0/bias': [CHANNELS[0]],
  ...Object.fromEntries(
    CHANNELS.slice(1).flatMap((channels, k) => [
      [`conv${k + 1}/depthwise_filter`, [3, 3, CHANNELS[k]!, 1]],
      [`conv${k + 1}/pointwise_filter`, [1, 1, CHANNELS[k]!, channels]],
      [`conv${k + 1}/bias`, [channels]],
    ]),
  ),
  'conv8/filters': [1, 1, CHANNELS[5], FIELDS],
  'conv8/bias': [FIELDS],
};

export type Weights = ReadonlyMap<string, Float32Array>;

/** Buffer of the picture: [1, side, side, 4] f32, R,G,B from 0 to 255 and a channel of ones. */
export const INPUT = 'image';

/** Builds the net for cells x cells cells. @returns what its head says, [(cells + 1)^2, 5 * 5]: `decode` reads it */
export function tinyFaceNet(graph: Graph, cells: number): Tensor {
  const side = sideOf(cells);
  const picture = graph.buffer(INPUT, [1, side, side, 4]);
  const stem = graph.buffer('conv0', [1, 3, 3, 4, CHANNELS[0]]);
  let x = leakyRelu(conv2d(picture, stem, { stride: 1, pad: [0, 0, 0, 0] }), SLOPE);
  CHANNELS.slice(1).forEach((channels, k) => {
    const inputs = CHANNELS[k]!;
    const filter = graph.buffer(`conv${k + 1}/depthwise_filter`, [3, 3, inputs]);
    x = maxPool2d(x, { kernel: 2, stride: 2, pad: 0 });
    x = depthwiseConv2d(x, filter, { stride: 1, pad: [1, 1, 1, 1] });
    x = leakyRelu(pointwise(x, graph, `conv${k + 1}`, 'pointwise_filter', channels), SLOPE);
  });
  // The published net pads this pooling behind its input only; padded on both sides, it gives a row and a column more, in front.
  x = maxPool2d(x, { kernel: 2, stride: 1, pad: 1 });
  return pointwise(x, graph, 'conv8', 'filters', FIELDS).reshape((cells + 1) ** 2, FIELDS);
}

/** A 1x1 convolution with bias is a linear layer over pixels. */
function pointwise(x: Tensor, graph: Graph, name: string, filter: string, channels: number): Tensor {
  const [batch = 1, height = 1, width = 1, inputs = 1] = x.shape;
  const weight = graph.buffer(`${name}/${filter}`, [1, inputs, channels]);
  const y = linear(
    x.reshape(batch * height * width, inputs),
    weight,
    graph.buffer(`${name}/bias`, [channels]),
  );
  return y.reshape(batch, height, width, channels);
}

/** What goes into the net's buffers. The stem's bias and the means of the pictures' channels become weights of the channel of ones. */
export function bufferContents(weights: Weights): Map<string, Float32Array> {
  const buffers = new Map(weights);
  const [filters, bias] = [weights.get('conv0/filters')!, weights.get('conv0/bias')!];
  const channels = CHANNELS[0];
  const stem = new Float32Array(3 * 3 * 4 * channels);
  const centre = 4;
  for (let tap = 0; tap < 9; tap++)
    for (let out = 0; out < channels; out++) {
      const ones = (tap * 4 + 3) * channels + out;
      if (tap === centre) stem[ones]! += bias[out]!;
      for (let c = 0; c < 3; c++) {
        const w = filters[(tap * 3 + c) * channels + out]! / 255;
        stem[(tap * 4 + c) * channels + out] = w;
        stem[ones]! -= w * MEAN[c]!;
      }
    }
  buffers.delete('conv0/filters');
  buffers.delete('conv0/bias');
  return buffers.set('conv0', stem);
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/**
 * YOLO's decoding: sigmoids place a box's centre in its cell, exponentials scale its anchor.
 * @param output [(cells + 1)^2, 5 * 5], whose first row and column of cells are surplus
 * @returns faces with a score above `threshold`, in pixels of the net's input, the surest first
 */
export function decode(output: ArrayLike<number>, cells: number, threshold: number): Face[] {
  const faces: Face[] = [];
  for (let row = 0; row < cells; row++)
    for (let column = 0; column < cells; column++)
      for (const [k, [anchorWidth, anchorHeight]] of ANCHORS.entries()) {
        const at = ((row + 1) * (cells + 1) + column + 1) * FIELDS + k * FIELDS_PER_ANCHOR;
        const score = sigmoid(output[at + 4]!);
        if (score <= threshold) continue;
        const width = CELL * anchorWidth * Math.exp(output[at + 2]!);
        const height = CELL * anchorHeight * Math.exp(output[at + 3]!);
        const x = CELL * (column + sigmoid(output[at]!)) - width / 2;
        const y = CELL * (row + sigmoid(output[at + 1]!)) - height / 2;
        faces.push({ x, y, width, height, score });
      }
  return suppress(faces, OVERLAP);
}
