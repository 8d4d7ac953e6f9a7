import { mutated } from './plan.js';
import type { Graph, Node, Tensor } from './tensor.js';

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

/** A node, and the elements that it touches. */
interface Accesses {
  readonly node: Node;
  readonly reads: readonly Range[];
  readonly writes: readonly Range[];
}

/** Elements of a named buffer, or of a planned tensor. */
interface Range {
  readonly place: string | Tensor;
  readonly first: number;
  readonly end: number;
}

const accessesOf = (node: Node): Accesses => ({
  node,
  reads: node.inputs.flatMap((input) => (input ? [rangeOf(input)] : [])),
  writes: [...node.outputs, ...mutated(node)].map(rangeOf),
});

function rangeOf({ root, start, size }: Tensor): Range {
  const { storage } = root;
  const [place, first] = storage.kind === 'buffer' ? [storage.buffer, storage.offset + start] : [root, start];
  return { place, first, end: first + size };
}

/** One of them writes what the other one touches. */
const mustPrecede = (before: Accesses, after: Accesses): boolean =>
  meet(before.writes, after.reads) || meet(before.writes, after.writes) || meet(before.reads, after.writes);

const meet = (some: readonly Range[], others: readonly Range[]): boolean =>
  some.some((a) => others.some((b) => a.place === b.place && a.first < b.end && b.first < a.end));
