import { mutated } from './plan.js';
import { BYTES, bytesOf, type Graph, type Node, overlap, type Range, type Tensor } from './tensor.js';

/**
 * Moves each node from index `from` on as far to the front as what it reads and writes allows, so that what it was the last to need is
 * free the sooner. No value changes.
 */
export function hoist(graph: Graph, from: number): void {
  const steps = graph.nodes.map(accessesOf);
  for (const step of steps.splice(from)) {
    const last = steps.findLastIndex((before) => mustPrecede(before, step));
    steps.splice(last + 1, 0, step);
  }
  graph.nodes.splice(0, graph.nodes.length, ...steps.map(({ node }) => node));
}

/** A node, and what it touches. */
interface Accesses {
  readonly node: Node;
  readonly reads: readonly Elements[];
  readonly writes: readonly Elements[];
}

/** Of a named buffer, or of a planned tensor. */
type Elements = Range<string | Tensor>;

const accessesOf = (node: Node): Accesses => ({
  node,
  reads: node.inputs.flatMap((input) => (input ? [elementsOf(input)] : [])),
  writes: [...node.outputs, ...mutated(node)].map(elementsOf),
});

const elementsOf = (tensor: Tensor): Elements => {
  const { root, start, dtype } = tensor;
  const buffer = root.storage.kind === 'buffer' ? root.storage.buffer : root;
  return { buffer, offset: start * BYTES[dtype], bytes: bytesOf(tensor) };
};

/** One of them writes what the other one touches. */
const mustPrecede = (before: Accesses, after: Accesses): boolean =>
  meet(before.writes, after.reads) || meet(before.writes, after.writes) || meet(before.reads, after.writes);

const meet = (some: readonly Elements[], others: readonly Elements[]): boolean =>
  some.some((a) => others.some((b) => overlap(a, b)));
