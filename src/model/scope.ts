import type { Graph, Tensor } from '../engine/tensor.js';
import type { Home, ParameterSpec, ParameterTable } from './parameters.js';

/**
 * What batch norm does: `batch` normalises with the batch's statistics and records them; `again` does not record (the same slice is
 * computed a second time for its gradient); `running` uses the recorded ones (evaluation).
 */
export type NormMode = 'batch' | 'again' | 'running';

/** Everything that one building of the network shares. */
export interface Build {
  readonly graph: Graph;
  readonly table: ParameterTable;
  readonly norm: NormMode;
  /** Rate of every dropout (0.5; 0 in evaluation and for the golden numbers, where drop-connect is off as well). */
  readonly dropout: number;
  /** [seed, epoch, step]: keys of the random masks. */
  readonly clock: Tensor;
  /** u32 [1]: the index of the first image in the batch, so that slices draw the masks that the batch would. */
  readonly rows: Tensor;
}

/** A place in the state dict, as `nn.Module` paths name it. */
export class Scope {
  constructor(
    readonly build: Build,
    readonly path: string,
    /** Number of LIBs whose parameters are stacked here; undefined outside the bank. */
    readonly libs?: number,
    /** Whether these parameters have a path to the loss. */
    readonly trained = true,
  ) {}

  at(name: string): Scope {
    return new Scope(this.build, this.path ? `${this.path}.${name}` : name, this.libs, this.trained);
  }

  /** Parameters here exist in the state dict but are not trained. */
  frozen(): Scope {
    return new Scope(this.build, this.path, this.libs, false);
  }

  /** Independent copies of the weights that are stacked in one tensor. */
  get groups(): number {
    return this.libs ?? 1;
  }

  parameter(name: string, spec: Omit<ParameterSpec, 'home'>): Tensor {
    return this.declared(name, { ...spec, home: this.trained ? 'trained' : 'frozen' });
  }

  statistic(name: string, channels: number, value: number): Tensor {
    return this.declared(name, {
      shape: [channels],
      layout: 'vector',
      init: { kind: 'constant', value },
      home: 'running' as Home,
    });
  }

  private declared(name: string, spec: ParameterSpec): Tensor {
    const { table, graph } = this.build;
    return table.tensor(graph, table.declare(this.at(name).path, this.libs, spec));
  }
}
