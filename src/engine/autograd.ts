import { add } from '../kernels/add.js';
import { accumulate, copyInto } from '../kernels/copy.js';
import { fill } from '../kernels/fill.js';
import type { Destination, Graph, Node, Tensor } from './tensor.js';

interface Sum {
  tensor: Tensor;
  /** Made for this sum alone, so that more may be added in place; a gradient handed on unchanged (add's) is not. */
  owned: boolean;
}

/**
 * Reverse-mode differentiation: appends the nodes that compute d(sum of seeds) / d(t) for every tensor t with a `gradient` place, and
 * writes them there. Each node's rule is run once, in reverse order, when all uses of its outputs have sent their gradient back.
 * @param seeds a scalar loss (its gradient is 1), or tensors with the gradient to start from
 * @param accumulateInto true: gradients are added to what their places hold (slices of a batch)
 */
export function backward(
  seeds: Tensor | readonly { tensor: Tensor; gradient: Tensor }[],
  accumulateInto = false,
): void {
  const list = 'graph' in seeds ? [{ tensor: seeds, gradient: fill(seeds.graph, seeds.shape, 1) }] : seeds;
  const graph = list[0]?.tensor.graph;
  if (!graph) throw new Error('backward: wants a loss or at least one seed');
  new Backward(graph, accumulateInto).run(list);
}

class Backward {
  private readonly sums = new Map<Tensor, Sum>();
  private readonly reached = new Set<Tensor>();
  private readonly wanted: Set<Tensor>;
  private readonly nodes: Node[];

  constructor(
    private readonly graph: Graph,
    private readonly accumulateInto: boolean,
  ) {
    this.nodes = [...graph.nodes];
    this.wanted = differentiable(this.nodes);
  }

  run(seeds: readonly { tensor: Tensor; gradient: Tensor }[]): void {
    for (const { tensor, gradient } of seeds) this.contribute(tensor, gradient, false);
    for (const node of this.nodes.toReversed()) this.visit(node);
  }

  private visit(node: Node): void {
    const dys = node.outputs.map((output) => this.sums.get(output)?.tensor);
    if (!node.op.gradient || dys.every((dy) => !dy)) return;
    if (!node.inputs.some((input) => input && this.wants(input))) return;
    const before = this.graph.nodes.length;
    const gradients = node.op.gradient({
      inputs: node.inputs,
      outputs: node.outputs,
      dys,
      attrs: node.attrs,
      wants: (i) => this.wants(node.inputs[i]),
      into: (i) => this.destination(node.inputs[i]),
    });
    const fresh = new Set(this.graph.nodes.slice(before));
    const roots = gradients.map((gradient) => gradient?.root);
    gradients.forEach((gradient, i) => {
      const input = node.inputs[i];
      if (!gradient || !input || !this.wants(input)) return;
      const shared = roots.indexOf(gradient.root) !== roots.lastIndexOf(gradient.root);
      const owned = !shared && gradient.producer !== undefined && fresh.has(gradient.producer);
      this.contribute(input, gradient, owned);
    });
  }

  private wants(tensor: Tensor | undefined): boolean {
    const base = tensor && differentiableBase(tensor);
    return base !== undefined && this.wanted.has(base);
  }

  /** The place where a contribution to this tensor's gradient may be written or added at once. */
  private destination(tensor: Tensor | undefined): Destination | undefined {
    const base = tensor && differentiableBase(tensor);
    if (!base || !this.wanted.has(base)) return undefined;
    const shape = [...tensor.shape];
    if (base.gradient)
      return {
        tensor: base.gradient.reshape(...shape),
        accumulate: this.accumulateInto || this.reached.has(base),
      };
    const sum = this.sums.get(base);
    return sum?.owned ? { tensor: sum.tensor.reshape(...shape), accumulate: true } : undefined;
  }

  /** Adds one use's gradient to the sum of a tensor, unless the operation has added it in place already. */
  private contribute(tensor: Tensor, gradient: Tensor, owned: boolean): void {
    const base = differentiableBase(tensor);
    if (!base || !this.wanted.has(base)) return;
    const value = gradient.reshape(...base.shape);
    if (base.gradient) this.store(base, base.gradient, value);
    else this.merge(base, value, owned);
  }

  private store(base: Tensor, place: Tensor, value: Tensor): void {
    if (value.root !== place.root || value.start !== place.start) {
      const more = this.accumulateInto || this.reached.has(base);
      if (more) accumulate(place, value);
      else copyInto(place, value);
    }
    this.reached.add(base);
    this.sums.set(base, { tensor: place, owned: false });
  }

  private merge(base: Tensor, value: Tensor, owned: boolean): void {
    const sum = this.sums.get(base);
    if (!sum) this.sums.set(base, { tensor: value, owned });
    else if (sum.tensor.root === value.root && owned) return;
    else if (sum.owned) accumulate(sum.tensor, value);
    else if (owned) this.sums.set(base, { tensor: accumulate(value, sum.tensor), owned: true });
    else this.sums.set(base, { tensor: add(sum.tensor, value), owned: true });
  }
}

/** The tensor that a gradient of `tensor` belongs to: through reshapes to the original, or none behind a stopgrad. */
function differentiableBase(tensor: Tensor): Tensor | undefined {
  let base = tensor;
  while (base.storage.kind === 'view') {
    if (base.storage.detached) return undefined;
    if (base.producer?.outputs.includes(base)) return base;
    base = base.storage.of;
  }
  return base;
}

/** All tensors that depend on one with a `gradient` place through operations that have a gradient. */
function differentiable(nodes: readonly Node[]): Set<Tensor> {
  const found = new Set<Tensor>();
  for (const node of nodes) {
    let depends = false;
    for (const input of node.inputs) {
      const base = input && differentiableBase(input);
      if (base?.gradient) found.add(base);
      if (base && found.has(base)) depends = true;
    }
    if (depends && node.op.gradient) for (const output of node.outputs) found.add(output);
  }
  return found;
}
