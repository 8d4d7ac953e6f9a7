import { ALIGNMENT, alignTo, type Graph, type Shape, sizeOf, type Tensor } from '../engine/tensor.js';

/** How a parameter starts (METHOD 2). */
export type Init =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'normal'; readonly deviation: number }
  | { readonly kind: 'uniform'; readonly bound: number };

/** How a tensor of the state dict lies in ours: see state-dict.ts. */
export type Layout = 'conv' | 'depthwise' | 'linear' | 'vector';

/**
 * Which flat buffer a parameter belongs to: `trained` is what the optimizer visits; `frozen` is read, kept and written but has no path
 * to the loss (weight decay would move it through Adam); `running` are batch norm's statistics; `tasks` the loss weights w_k.
 */
export type Home = 'trained' | 'frozen' | 'running' | 'tasks';

export interface ParameterSpec {
  readonly shape: Shape;
  readonly layout: Layout;
  readonly init: Init;
  readonly home: Home;
}

export interface Parameter extends ParameterSpec {
  /** Name in the state dict; with LIBs, the part behind `region_model{i}.`. */
  readonly name: string;
  /** Number of LIBs stacked in this tensor; undefined for the parts that exist once. */
  readonly libs: number | undefined;
  /** First element in the flat buffer. */
  readonly offset: number;
}

/** Flat buffers of gradients, laid out like their parameters'. */
export const GRADIENTS = { trained: 'gradients', tasks: 'task_gradients' } as const;

/**
 * All parameters of a network, laid out in flat buffers in the order in which the forward pass first asks for them, so that one dispatch
 * of the optimizer updates many. Graphs of all batch sizes share one table.
 */
export class ParameterTable {
  private readonly entries = new Map<string, Parameter>();
  private readonly lengths: Record<Home, number> = { trained: 0, frozen: 0, running: 0, tasks: 0 };

  /** The parameter of this name; made at its first mention. */
  declare(name: string, libs: number | undefined, spec: ParameterSpec): Parameter {
    const key = libs === undefined ? name : `region_model*.${name}`;
    const known = this.entries.get(key);
    if (known) {
      if (`${known.shape}` !== `${spec.shape}`)
        throw new Error(`parameter ${key} is [${known.shape}] and cannot be used as [${spec.shape}]`);
      return known;
    }
    const offset = this.lengths[spec.home];
    this.lengths[spec.home] += alignTo(sizeOf(spec.shape), ALIGNMENT);
    const parameter = { ...spec, name, libs, offset };
    this.entries.set(key, parameter);
    return parameter;
  }

  /** The parameter as a tensor of a graph. */
  tensor(graph: Graph, { home, shape, offset }: Parameter): Tensor {
    return graph.buffer(home, shape, 'f32', offset);
  }

  /** Elements of a flat buffer, padding included. */
  length(home: Home): number {
    return this.lengths[home];
  }

  list(): readonly Parameter[] {
    return [...this.entries.values()];
  }

  /** Elements without padding, by home: what people call the number of parameters. */
  count(home: Home): number {
    return this.list().reduce((sum, entry) => sum + (entry.home === home ? sizeOf(entry.shape) : 0), 0);
  }
}
