import type { Graph, Tensor } from './tensor.js';

/**
 * Trades time for memory (Chen et al. 2016, arXiv:1604.06174): what an operation can cheaply compute again (OpSpec.again) is not kept
 * until the backward pass but computed once more before its first use there, to the same bits.
 * @param from index of the backward pass's first node
 */
export function recompute(graph: Graph, from: number): void {
  const forward = new Set(graph.nodes.slice(0, from));
  const backward = graph.nodes.splice(from);
  const again = new Map<Tensor, Tensor>();
  const current = (tensor: Tensor): Tensor => {
    const { root } = tensor;
    const node = root.producer;
    if (!node?.op.again || !forward.has(node) || node.outputs[0] !== root) return tensor;
    const made = again.get(root) ?? node.op.again(node);
    if (!made) return tensor;
    again.set(root, made);
    return made.reshape(...tensor.shape);
  };
  for (const node of backward) {
    const inputs = node.inputs.map((input) => input && current(input)); // appends what is to be computed again
    graph.nodes.push({ ...node, inputs });
  }
}
