import { Graph, type Tensor } from '../engine/tensor.js';
import { writeFileAtomic } from '../io/files.js';
import { libNet, type NetConfig } from '../model/lib-net.js';
import { ParameterTable } from '../model/parameters.js';
import { type OnnxModel, onnxChunks } from './format.js';
import { translate, type WeightLookup } from './translate.js';

export interface OnnxOptions {
  readonly net: NetConfig;
  /** Side of the images in pixels. */
  readonly size: number;
  /** Batch norms become part of the convolutions and linear layers before them. */
  readonly fold: boolean;
  /** More for metadata_props: what the checkpoint tells of itself. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A whole detector in evaluation as an ONNX model (opset 17). Input `input` [N,3,S,S]: normalised images, channels in the order that the
 * detector was trained with. Outputs: logits `z`, `f` and `l_1` ... `l_n`, [N,2] each, and `score` [N] = softmax(z)[1]. N is open.
 * @param weight values of a tensor of the state dict by its name; asked for while the file is written, one at a time
 */
export function onnxOf({ net, size, fold, metadata = {} }: OnnxOptions, weight: WeightLookup): OnnxModel {
  const graph = new Graph();
  const table = new ParameterTable();
  const images = graph.buffer('input', [1, size, size, 3]);
  const [clock, rows] = [graph.buffer('clock', [3], 'u32'), graph.buffer('rows', [1], 'u32')];
  const { z, f, l } = libNet(images, net, { graph, table, norm: 'running', dropout: 0, clock, rows });
  const logits: [Tensor, string][] = [
    [z, 'z'],
    [f, 'f'],
    ...l.map((tensor, i): [Tensor, string] => [tensor, `l_${i + 1}`]),
  ];
  const names = new Map([[images, 'input'], ...logits]);
  const { nodes, initializers } = translate(graph.nodes, { table, weight, fold, names });
  return {
    name: `${net.model}, ${net.libs} LIBs`,
    inputs: [{ name: 'input', shape: ['N', 3, size, size] }],
    outputs: [...logits.map(([, name]) => ({ name, shape: ['N', 2] })), { name: 'score', shape: ['N'] }],
    nodes: [
      ...nodes,
      { op: 'Softmax', inputs: ['z'], outputs: ['probabilities'], attributes: { axis: 1 } },
      { op: 'Constant', inputs: [], outputs: ['fake'], attributes: { value_int: 1 } },
      { op: 'Gather', inputs: ['probabilities', 'fake'], outputs: ['score'], attributes: { axis: 1 } },
    ],
    initializers,
    metadata: { model: net.model, num_LIBs: `${net.libs}`, ...metadata },
  };
}

/**
 * Writes a model file whole or not at all, one weight in memory at a time.
 * @throws UserError when the model is larger than the format allows, or the disk refuses
 */
export async function writeOnnx(path: string, model: OnnxModel): Promise<void> {
  await writeFileAtomic(path, onnxChunks(model));
}
