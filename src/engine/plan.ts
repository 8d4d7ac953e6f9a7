import type { Attributes, Call, Capabilities, Op, Pass, Variant } from './op.js';
import { BYTES, bytesOf, type Graph, type Meta, type Node, type Tensor } from './tensor.js';

/**
 * What a graph will do on an adapter, worked out without touching a GPU: which variant computes each node, in which dispatches, and
 * in which memory slot each intermediate tensor lives.
 */
export interface Plan {
  readonly calls: readonly PlannedCall[];
  /** Bytes of each slot; a slot is a buffer of its own, reused by tensors whose lives do not overlap. */
  readonly slots: readonly number[];
  readonly slotOf: ReadonlyMap<Tensor | Scratch, number>;
  readonly flops: number;
}

/** A temporary of one variant. */
export class Scratch {
  constructor(readonly bytes: number) {}
}

export interface PlannedCall {
  readonly node: Node;
  readonly variant: string;
  readonly passes: readonly Pass[];
  /** Tensors and temporaries by the names that shaders know them by. */
  readonly names: ReadonlyMap<string, Tensor | Scratch>;
}

/** Picks a variant's name for a call, by its key; undefined leaves it to the default. */
export type Chooser = (key: string, op: Op) => string | undefined;

/** Names a call by what decides how it is computed: operation, shapes and attributes. */
export const callKey = (op: Op, { inputs, attrs }: Pick<Call, 'inputs' | 'attrs'>): string =>
  `${op.name} ${inputs.map((input) => (input ? input.shape.join('x') : '-')).join(' ')} ${JSON.stringify(attrs)}`;

export interface PlanOptions {
  readonly choose?: Chooser;
  /** Tensors whose values must survive the program, for inspect(). */
  readonly retain?: readonly Tensor[];
}

export function plan(graph: Graph, capabilities: Capabilities, options: PlanOptions = {}): Plan {
  const retained = new Set((options.retain ?? []).map((tensor) => tensor.root));
  const calls = liveNodes(graph.nodes, retained).map((node) => planCall(node, capabilities, options.choose));
  const { slots, slotOf } = assignSlots(calls, retained);
  const flops = calls.reduce((sum, { node }) => sum + node.op.cost(node).flops, 0);
  return { calls, slots, slotOf, flops };
}

/** Drops nodes whose results nobody reads. */
function liveNodes(nodes: readonly Node[], retained: ReadonlySet<Tensor>): Node[] {
  const needed = new Set(retained);
  const live: Node[] = [];
  for (const node of nodes.toReversed()) {
    const written = [...node.outputs, ...mutated(node)].map((tensor) => tensor.root);
    if (!written.some((root) => root.storage.kind === 'buffer' || needed.has(root))) continue;
    live.push(node);
    for (const input of node.inputs) if (input) needed.add(input.root);
  }
  return live.reverse();
}

export function mutated(node: Node): Tensor[] {
  return (node.op.mutates ?? []).flatMap((name) => node.inputs[node.op.inputs.indexOf(name)] ?? []);
}

function planCall(node: Node, capabilities: Capabilities, choose?: Chooser): PlannedCall {
  const { op, inputs, outputs, attrs, accumulate } = node;
  const call: Call = { inputs, outputs, attrs, accumulate, capabilities };
  const name = chooseVariant(op, call, choose);
  const variant = op.variants[name] as Variant<Attributes>;
  const names = new Map<string, Tensor | Scratch>();
  op.inputs.forEach((key, i) => {
    const input = inputs[i];
    if (input) names.set(key, input);
  });
  op.outputs.forEach((key, k) => {
    const output = outputs[k];
    if (output) names.set(key, output);
  });
  for (const [key, elements] of Object.entries(variant.scratch?.(call) ?? {}))
    names.set(key, new Scratch(Math.max(4, elements * 4)));
  return { node, variant: name, passes: variant.passes(call), names };
}

/** The chosen variant if it is valid here, else the first valid one in the order of the specification. */
export function chooseVariant(op: Op, call: Call, choose?: Chooser): string {
  const chosen = choose?.(callKey(op, call), op);
  if (chosen !== undefined && op.variants[chosen] && isValid(op.variants[chosen], call)) return chosen;
  const found = Object.entries(op.variants).find(([, variant]) => isValid(variant, call));
  if (!found) throw new Error(`${op.name}: no variant runs these shapes on this adapter`);
  return found[0];
}

/** Whether a variant can compute a call here: its own condition holds, and the adapter binds its temporaries. */
export function isValid(variant: Variant, call: Call): boolean {
  if (variant.valid?.(call) === false) return false;
  const most = call.capabilities.limits.maxStorageBufferBindingSize ?? Number.POSITIVE_INFINITY;
  return Object.values(variant.scratch?.(call) ?? {}).every((elements) => BYTES.f32 * elements <= most);
}

const isPlanned = (tensor: Tensor): boolean => tensor.root.storage.kind === 'planned';

/** Greedy best fit over the nodes in order: a tensor takes the smallest free slot that holds it, else the largest one, grown. */
function assignSlots(
  calls: readonly PlannedCall[],
  retained: ReadonlySet<Tensor>,
): { slots: number[]; slotOf: Map<Tensor | Scratch, number> } {
  const lastUse = lastUses(calls);
  const slots: number[] = [];
  const slotOf = new Map<Tensor | Scratch, number>();
  const free = new Set<number>();
  const take = (key: Tensor | Scratch, bytes: number): void => {
    if (slotOf.has(key)) return;
    const slot = bestSlot(free, slots, bytes);
    slots[slot] = Math.max(slots[slot] ?? 0, bytes);
    free.delete(slot);
    slotOf.set(key, slot);
  };
  calls.forEach(({ node, names }, at) => {
    for (const output of node.outputs) if (isPlanned(output)) take(output.root, bytesOf(output.root));
    for (const value of names.values()) if (value instanceof Scratch) take(value, value.bytes);
    for (const value of names.values()) {
      const key = value instanceof Scratch ? value : value.root;
      const slot = slotOf.get(key);
      const dead = value instanceof Scratch || (lastUse.get(value.root) === at && !retained.has(value.root));
      if (slot !== undefined && dead) free.add(slot);
    }
  });
  return { slots, slotOf };
}

function lastUses(calls: readonly PlannedCall[]): Map<Tensor, number> {
  const last = new Map<Tensor, number>();
  calls.forEach(({ node }, at) => {
    for (const tensor of [...node.inputs, ...node.outputs]) if (tensor) last.set(tensor.root, at);
  });
  return last;
}

function bestSlot(free: ReadonlySet<number>, slots: readonly number[], bytes: number): number {
  let best = -1;
  for (const slot of free) {
    const size = slots[slot]!;
    const current = best < 0 ? -1 : slots[best]!;
    const better = current >= bytes ? size >= bytes && size < current : size > current;
    if (best < 0 || better) best = slot;
  }
  return best < 0 ? slots.length : best;
}

/** Rank of each slot by size: programs run one after another, so their k-th largest slots share one buffer. */
export function slotRanks({ slots }: Plan): number[] {
  const ranks: number[] = [];
  const largestFirst = [...slots.keys()].sort((a, b) => slots[b]! - slots[a]!);
  largestFirst.forEach((slot, rank) => {
    ranks[slot] = rank;
  });
  return ranks;
}

/** Bytes of the buffers that programs compiled together share as slots. */
export function slotPool(plans: readonly Plan[]): number[] {
  const pool: number[] = [];
  for (const made of plans)
    slotRanks(made).forEach((rank, slot) => {
      pool[rank] = Math.max(pool[rank] ?? 0, made.slots[slot]!);
    });
  return pool;
}

/** The largest tensor a plan binds at once, for messages about limits. */
export function largestBinding(plan: Plan): { bytes: number; op: string; meta: Meta } | undefined {
  let largest: { bytes: number; op: string; meta: Meta } | undefined;
  for (const { node } of plan.calls)
    for (const tensor of [...node.inputs, ...node.outputs]) {
      if (!tensor || (largest && bytesOf(tensor) <= largest.bytes)) continue;
      largest = { bytes: bytesOf(tensor), op: node.op.name, meta: tensor };
    }
  return largest;
}
