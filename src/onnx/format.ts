/**
 * ONNX files: the protobuf messages of onnx/onnx.proto (github.com/onnx/onnx), as far as a network of known shapes needs them. Weights
 * are asked for one by one while the file is written, so a model may be larger than memory.
 */
import protobuf from 'protobufjs/light.js';
import { UserError } from '../errors.js';

/** A constant tensor of the model; `data` is asked for when its turn comes and not kept. */
export interface Initializer {
  readonly name: string;
  readonly dims: readonly number[];
  data(): Promise<Float32Array>;
}

/** A number is written as an integer (ONNX tells `axis: 1` from `axis: 1.0`); floats are marked. */
export type OnnxAttribute = number | readonly number[] | { readonly float: number };

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** A float32 input or output; a text among its sizes names one that is open, such as the batch. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly name: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Initializer[];
  /** What the file says about itself (metadata_props). */
  readonly metadata: Readonly<Record<string, string>>;
}

export const OPSET = 17;
/** The version of the format that came with opset 17 (ONNX 1.12). */
const IR_VERSION = 8;

const repeated = (id: number, type: string) => ({ id, type, rule: 'repeated' });

/** Field numbers are onnx.proto's. */
const nested = {
  ModelProto: {
    fields: {
      irVersion: { id: 1, type: 'int64' },
      producerName: { id: 2, type: 'string' },
      graph: { id: 7, type: 'GraphProto' },
      opsetImport: repeated(8, 'OperatorSetIdProto'),
      metadataProps: repeated(14, 'StringStringEntryProto'),
    },
  },
  OperatorSetIdProto: { fields: { domain: { id: 1, type: 'string' }, version: { id: 2, type: 'int64' } } },
  StringStringEntryProto: { fields: { key: { id: 1, type: 'string' }, value: { id: 2, type: 'string' } } },
  GraphProto: {
    fields: {
      node: repeated(1, 'NodeProto'),
      name: { id: 2, type: 'string' },
      initializer: repeated(5, 'TensorProto'),
      input: repeated(11, 'ValueInfoProto'),
      output: repeated(12, 'ValueInfoProto'),
    },
  },
  NodeProto: {
    fields: {
      input: repeated(1, 'string'),
      output: repeated(2, 'string'),
      name: { id: 3, type: 'string' },
      opType: { id: 4, type: 'string' },
      attribute: repeated(5, 'AttributeProto'),
    },
  },
  AttributeProto: {
    fields: {
      name: { id: 1, type: 'string' },
      f: { id: 2, type: 'float' },
      i: { id: 3, type: 'int64' },
      ints: { ...repeated(8, 'int64'), options: { packed: false } },
      type: { id: 20, type: 'int32' },
    },
  },
  TensorProto: {
    fields: {
      dims: { ...repeated(1, 'int64'), options: { packed: false } },
      dataType: { id: 2, type: 'int32' },
      name: { id: 8, type: 'string' },
      rawData: { id: 9, type: 'bytes' },
    },
  },
  ValueInfoProto: { fields: { name: { id: 1, type: 'string' }, type: { id: 2, type: 'TypeProto' } } },
  TypeProto: { fields: { tensorType: { id: 1, type: 'TensorTypeProto' } } },
  TensorTypeProto: {
    fields: { elemType: { id: 1, type: 'int32' }, shape: { id: 2, type: 'TensorShapeProto' } },
  },
  TensorShapeProto: { fields: { dim: repeated(1, 'Dimension') } },
  Dimension: { fields: { dimValue: { id: 1, type: 'int64' }, dimParam: { id: 2, type: 'string' } } },
};
const root = protobuf.Root.fromJSON({ nested });
const FLOAT = 1; // TensorProto.DataType
const ATTRIBUTE = { float: 1, int: 2, ints: 7 } as const; // AttributeProto.AttributeType

/** A reader for tests and for people who look into a file. */
export const decodeOnnx = (bytes: Uint8Array): Record<string, unknown> =>
  root.lookupType('ModelProto').decode(bytes).toJSON();

const encode = (type: keyof typeof nested, message: object): Uint8Array =>
  root.lookupType(type).encode(message).finish();

/** The tag of a length-delimited field, and how many bytes follow. */
const opening = (id: number, length: number): Uint8Array =>
  protobuf.Writer.create()
    .uint32((id << 3) | 2)
    .uint32(length)
    .finish();

const FIELD = {
  graph: nested.ModelProto.fields.graph.id,
  initializer: nested.GraphProto.fields.initializer.id,
  rawData: nested.TensorProto.fields.rawData.id,
};

/** Protobuf readers refuse messages from 2 GiB on. */
const LIMIT = 2 ** 31 - 1;

/**
 * The bytes of a model file, in order.
 * @throws UserError when they would be more than a protobuf message may have
 */
export function onnxChunks(model: OnnxModel): AsyncIterable<Uint8Array> {
  const tensors = model.initializers.map((initializer) => ({ initializer, head: tensorHead(initializer) }));
  const frame = encode('GraphProto', graphMessage(model));
  const length = tensors.reduce((sum, { head }) => sum + head.opening.length + head.length, frame.length);
  const start = encode('ModelProto', modelMessage(model));
  if (start.length + length > LIMIT)
    throw new UserError(
      `an ONNX file of ${(length / 2 ** 30).toFixed(1)} GiB: its format ends at 2 GiB; export a detector of fewer LIBs (--num_LIBs) or of a smaller --model`,
    );
  return (async function* () {
    yield start;
    yield opening(FIELD.graph, length);
    yield frame;
    for (const { initializer, head } of tensors) {
      yield head.opening;
      yield head.fields;
      yield await littleEndian(initializer, head.bytes);
    }
  })();
}

/** An initialiser without its data: the field's opening, the tensor's small fields with the opening of its data, and all sizes. */
function tensorHead({ name, dims }: Initializer) {
  const bytes = 4 * dims.reduce((a, b) => a * b, 1);
  const small = encode('TensorProto', { dims, dataType: FLOAT, name });
  const data = opening(FIELD.rawData, bytes);
  const fields = new Uint8Array([...small, ...data]);
  const length = fields.length + bytes;
  return { opening: opening(FIELD.initializer, length), fields, bytes, length };
}

async function littleEndian({ name, data }: Initializer, bytes: number): Promise<Uint8Array> {
  const values = await data();
  if (values.byteLength !== bytes)
    throw new Error(`initialiser ${name}: got ${values.byteLength} bytes, its shape wants ${bytes}`);
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength); // as all of Node's platforms lay floats out
}

const modelMessage = ({ metadata }: OnnxModel): object => ({
  irVersion: IR_VERSION,
  producerName: 'clew',
  opsetImport: [{ domain: '', version: OPSET }],
  metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
});

const graphMessage = ({ name, nodes, inputs, outputs }: OnnxModel): object => ({
  name,
  node: nodes.map(({ op, inputs: input, outputs: output, attributes = {} }) => ({
    input,
    output,
    name: output[0],
    opType: op,
    attribute: Object.entries(attributes).map(attributeMessage),
  })),
  input: inputs.map(valueMessage),
  output: outputs.map(valueMessage),
});

function attributeMessage([name, value]: [string, OnnxAttribute]): object {
  if (typeof value === 'number') return { name, type: ATTRIBUTE.int, i: value };
  if ('float' in value) return { name, type: ATTRIBUTE.float, f: value.float };
  return { name, type: ATTRIBUTE.ints, ints: value };
}

const valueMessage = ({ name, shape }: OnnxValue): object => ({
  name,
  type: {
    tensorType: {
      elemType: FLOAT,
      shape: { dim: shape.map((d) => (typeof d === 'string' ? { dimParam: d } : { dimValue: d })) },
    },
  },
});
