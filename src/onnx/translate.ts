import type { Attributes } from '../engine/op.js';
import type { Node, Tensor } from '../engine/tensor.js';
import type { Parameter, ParameterTable } from '../model/parameters.js';
import { type StateEntry, stateEntries } from '../model/state-dict.js';
import { type Affine, addBias, scaleRows } from './fold.js';
import type { Initializer, OnnxAttribute, OnnxNode } from './format.js';

/** Values of a tensor of the state dict, by its name, in PyTorch's order. */
export type WeightLookup = (name: string) => Promise<Float32Array>;

/** What a tensor of the engine is in ONNX: one value for each LIB inside the bank, else one. */
type Parts = readonly string[];

export interface Translation {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Initializer[];
}

export interface TranslateOptions {
  readonly table: ParameterTable;
  readonly weight: WeightLookup;
  /** Batch norms that follow a convolution or linear layer become part of its weights. */
  readonly fold: boolean;
  /** Tensors whose ONNX value must have this name: the model's inputs and outputs. */
  readonly names: ReadonlyMap<Tensor, string>;
}

/**
 * The engine's evaluation graph as ONNX nodes. Where the engine runs n LIBs as one network of n groups, ONNX gets n networks side by
 * side: its runtimes are slow at grouped convolutions, and so each initialiser is one tensor of the reference's state dict, by name.
 * Activations are NCHW there; as no operation looks at the layout, only attributes change.
 */
export function translate(graph: readonly Node[], options: TranslateOptions): Translation {
  const translator = new Translator(graph, options);
  for (const node of graph) translator.visit(node);
  return { nodes: translator.nodes, initializers: [...translator.initializers.values()] };
}

type Rule = (translator: Translator, node: Node) => void;

const RULES: Readonly<Record<string, Rule>> = {
  conv2d: (t, node) => t.convolution(node, { groups: () => 1 }),
  depthwise_conv2d: (t, node) => t.convolution(node, { groups: ([channels = 1]) => channels }),
  linear: (t, node) => t.linear(node),
  batch_norm_eval: (t, node) => t.batchNorm(node),
  max_pool2d: (t, node) => t.each(node, 'max_pool', 'MaxPool', maxPoolAttributes(node.attrs)),
  global_average_pool: (t, node) => t.pool(node),
  add: (t, node) => t.each(node, 'add', 'Add'),
  channel_scale: (t, node) => t.each(node, 'scaled', 'Mul'),
  sigmoid: (t, node) => t.each(node, 'sigmoid', 'Sigmoid'),
  swish: (t, node) =>
    t.define(
      node.outputs[0]!,
      t.value(node.inputs[0]!).map((x) => t.activate(x, 'swish')),
    ),
};

class Translator {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, Initializer>();
  private readonly values = new Map<Tensor, Parts>();
  private readonly parameters: ReadonlyMap<string, Parameter>;
  private readonly uses = new Map<Tensor, Node[]>();
  private readonly taken = new Set<string>();
  /** Values of pooled images, [N,C,1,1], and their flat forms [N,C]. */
  private readonly flat = new Map<string, string | undefined>();

  constructor(
    graph: readonly Node[],
    private readonly options: TranslateOptions,
  ) {
    const place = ({ home, offset }: Parameter): string => `${home} ${offset}`;
    this.parameters = new Map(options.table.list().map((parameter) => [place(parameter), parameter]));
    for (const [tensor, name] of options.names) {
      this.taken.add(name);
      if (!tensor.producer) this.values.set(tensor, [name]);
    }
    for (const node of graph)
      for (const input of node.inputs)
        if (input) this.uses.set(input.root, [...(this.uses.get(input.root) ?? []), node]);
  }

  visit(node: Node): void {
    const rule = RULES[node.op.name];
    if (!rule) throw new Error(`ONNX: no rule for the operation ${node.op.name}; add one to RULES`);
    rule(this, node);
  }

  value(tensor: Tensor): Parts {
    const parts = this.values.get(tensor.root);
    if (!parts) throw new Error(`ONNX: a tensor [${tensor.shape}] is used before it is computed`);
    return parts;
  }

  define(tensor: Tensor, parts: Parts): void {
    this.values.set(tensor.root, parts);
  }

  /** Appends a node with one output, named as wished or, if that is taken, with a number behind. */
  emit(
    op: string,
    inputs: readonly string[],
    wish: string,
    attributes: Record<string, OnnxAttribute> = {},
  ): string {
    let name = wish;
    for (let i = 2; this.taken.has(name); i++) name = `${wish}_${i}`;
    this.taken.add(name);
    this.nodes.push({ op, inputs, outputs: [name], attributes });
    return name;
  }

  /** An operation without weights, LIB by LIB. */
  each(node: Node, suffix: string, op: string, attributes: Record<string, OnnxAttribute> = {}): void {
    const inputs = node.inputs.flatMap((input) => (input ? [this.value(input)] : []));
    this.define(
      node.outputs[0]!,
      inputs[0]!.map((first, i) =>
        this.emit(
          op,
          [first, ...inputs.slice(1).map((parts) => parts[i]!)],
          `${first}.${suffix}`,
          attributes,
        ),
      ),
    );
  }

  pool(node: Node): void {
    this.each(node, 'mean', 'GlobalAveragePool');
    for (const part of this.value(node.outputs[0]!)) this.flat.set(part, undefined);
  }

  convolution(node: Node, { groups }: { groups: (shape: readonly number[]) => number }): void {
    const { stride = 1, pad = [0, 0, 0, 0] } = node.attrs as { stride?: number; pad?: readonly number[] };
    const x = this.value(node.inputs[0]!);
    const weights = this.entries(node.inputs[1]!);
    const affine = this.foldable(node);
    const parts = weights.map((weight, i) => {
      const [kh = 1, kw = 1] = weight.shape.slice(2);
      return this.emit(
        'Conv',
        [x[i] ?? x[0]!, ...this.layer(weight, undefined, affine?.[i])],
        layerOf(weight),
        {
          kernel_shape: [kh, kw],
          strides: [stride, stride],
          pads: pad,
          group: groups(weight.shape),
        },
      );
    });
    this.define(node.outputs[0]!, parts);
  }

  /** A fully connected layer; one over pooled images by LIB (squeeze-and-excitation's) is a 1x1 convolution in the state dict. */
  linear(node: Node): void {
    const [x, w, b] = node.inputs;
    const [weights, biases] = [this.entries(w!), b ? this.entries(b) : []];
    const affine = this.foldable(node);
    const hole = node.attrs.hole as readonly number[] | undefined;
    const parts = weights.map((weight, i) => {
      const layer = this.layer(weight, biases[i], affine?.[i]);
      if (weight.shape.length === 4)
        return this.emit('Conv', [this.value(x!)[i]!, ...layer], layerOf(weight), { kernel_shape: [1, 1] });
      const name = this.outputName(node) ?? layerOf(weight);
      return this.emit('Gemm', [this.joined(this.value(x!), hole), ...layer], name, { transB: 1 });
    });
    this.define(node.outputs[0]!, parts);
  }

  private outputName({ outputs }: Node): string | undefined {
    const name = this.options.names.get(outputs[0]!);
    if (name) this.taken.delete(name);
    return name;
  }

  /** The features of all LIBs, or of all but the one in the hole, side by side: [N, columns]. */
  private joined(parts: Parts, hole: readonly number[] | undefined): string {
    const without = hole ? hole[0]! / hole[1]! : undefined;
    const kept = parts.flatMap((part, i) => (i === without ? [] : [this.flattened(part)]));
    if (kept.length === 1) return kept[0]!;
    const name = without === undefined ? 'Z' : `Z_without_${without + 1}`;
    const known = this.nodes.find(({ outputs }) => outputs[0] === name);
    return known ? name : this.emit('Concat', kept, name, { axis: 1 });
  }

  private flattened(part: string): string {
    if (!this.flat.has(part)) return part;
    const known = this.flat.get(part) ?? this.emit('Flatten', [part], `${part}.flat`, { axis: 1 });
    this.flat.set(part, known);
    return known;
  }

  batchNorm(node: Node): void {
    const [x, ...tensors] = node.inputs;
    const { epsilon, activation } = node.attrs as { epsilon: number; activation: string };
    const residual = node.inputs[5] ? this.value(node.inputs[5]) : undefined;
    const folded = x!.producer && this.foldable(x!.producer) !== undefined;
    const norms = tensors.slice(0, 4).map((tensor) => this.entries(tensor!));
    const parts = this.value(x!).map((part, i) => {
      const entries = norms.map((all) => all[i]!);
      const name = layerOf(entries[0]!);
      let y = part;
      if (!folded) {
        const inputs = [part, ...entries.map((entry) => this.initializer(entry.name, entry.shape))];
        y = this.emit('BatchNormalization', inputs, name, { epsilon: { float: epsilon } });
      }
      if (residual) y = this.emit('Add', [y, residual[i]!], `${name}.add`);
      return this.activate(y, activation);
    });
    this.define(node.outputs[0]!, parts);
  }

  activate(x: string, activation: string): string {
    if (activation === 'relu') return this.emit('Relu', [x], `${x}.relu`);
    if (activation === 'swish')
      return this.emit('Mul', [x, this.emit('Sigmoid', [x], `${x}.sigmoid`)], `${x}.swish`);
    return x;
  }

  /** Names of a layer's weight and bias, which take a batch norm behind the layer in. */
  private layer(weight: StateEntry, bias: StateEntry | undefined, affine: Affine | undefined): string[] {
    const { weight: read } = this.options;
    if (!affine)
      return [weight, ...(bias ? [bias] : [])].map(({ name, shape }) => this.initializer(name, shape));
    const rows = weight.shape[0]!;
    return [
      this.initializer(weight.name, weight.shape, async () =>
        scaleRows(await read(weight.name), await affine()),
      ),
      this.initializer(`${layerOf(weight)}.bias`, [rows], async () =>
        addBias(bias && (await read(bias.name)), await affine()),
      ),
    ];
  }

  private initializer(
    name: string,
    dims: readonly number[],
    data: Initializer['data'] = () => this.options.weight(name),
  ): string {
    this.initializers.set(name, { name, dims, data });
    return name;
  }

  /** The batch norm that is the only user of a layer's output, LIB by LIB, where it is to be folded. */
  private foldable({ op, outputs }: Node): Affine[] | undefined {
    if (!this.options.fold || !['conv2d', 'depthwise_conv2d', 'linear'].includes(op.name)) return undefined;
    const [user, another] = this.uses.get(outputs[0]!.root) ?? [];
    if (!user || another || user.op.name !== 'batch_norm_eval') return undefined;
    const { epsilon } = user.attrs as { epsilon: number };
    const norms = user.inputs.slice(1, 5).map((tensor) => this.entries(tensor!));
    return norms[0]!.map((_, i) => async () => {
      const [weight, bias, mean, variance] = await Promise.all(
        norms.map((all) => this.options.weight(all[i]!.name)),
      );
      return { weight: weight!, bias: bias!, mean: mean!, variance: variance!, epsilon };
    });
  }

  /** The tensors of the state dict that a parameter of the engine stands for, one for each LIB. */
  private entries(tensor: Tensor): StateEntry[] {
    const { storage } = tensor.root;
    const key = storage.kind === 'buffer' ? `${storage.buffer} ${storage.offset}` : '';
    const parameter = this.parameters.get(key);
    if (!parameter) throw new Error(`ONNX: [${tensor.shape}] is no parameter`);
    return stateEntries(parameter);
  }
}

/** `layer1.0.conv1.weight` -> `layer1.0.conv1`. */
const layerOf = ({ name }: StateEntry): string => name.slice(0, name.lastIndexOf('.'));

function maxPoolAttributes(attrs: Attributes): Record<string, OnnxAttribute> {
  const { kernel, stride, pad } = attrs as { kernel: number; stride: number; pad: number };
  return { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] };
}
