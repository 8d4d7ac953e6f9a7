import type { Capabilities } from './op.js';
import { mutated, type Plan, plan } from './plan.js';
import { bufferNeeds, type Program, type ProgramSource, type Runtime, type Step } from './runtime.js';
import { BYTES, type DType, type Node, type NumberArray, type Tensor } from './tensor.js';

const capabilities: Capabilities = { software: true, subgroupSize: 0, features: new Set(), limits: {} };

/** `--adapter reference`: the whole graph on the CPU, in float64, through the operations' own references. Slow; the oracle. */
export class ReferenceRuntime implements Runtime {
  readonly capabilities = capabilities;
  private readonly buffers = new Map<string, { dtype: DType; data: Float64Array }>();

  async compile(sources: readonly ProgramSource[]): Promise<Program[]> {
    for (const [name, { dtype, elements }] of bufferNeeds(sources)) this.allocate(name, dtype, elements);
    return sources.map(
      ({ name, graph, retain }) =>
        new ReferenceProgram(name, plan(graph, capabilities, retain ? { retain } : {})),
    );
  }

  allocate(buffer: string, dtype: DType, elements: number): void {
    const old = this.buffers.get(buffer);
    if (old && old.data.length >= elements) return;
    const data = new Float64Array(elements);
    if (old) data.set(old.data);
    this.buffers.set(buffer, { dtype, data });
  }

  get allocated(): number {
    return [...this.buffers.values()].reduce((sum, { dtype, data }) => sum + data.length * BYTES[dtype], 0);
  }

  write(buffer: string, data: NumberArray, offset = 0): void {
    this.data(buffer).set(data, offset);
  }

  async read(buffer: string, offset: number, count: number): Promise<NumberArray> {
    return this.data(buffer).slice(offset, offset + count);
  }

  submit(steps: readonly Step[]): void {
    for (const step of steps) {
      if ('run' in step) (step.run as ReferenceProgram).run((name) => this.data(name));
      else if ('clear' in step) this.data(step.clear).fill(0);
      else {
        const { from, fromOffset, to, toOffset, count } = step.copy;
        this.data(to).set(this.data(from).subarray(fromOffset, fromOffset + count), toOffset);
      }
    }
  }

  async idle(): Promise<void> {}

  sibling(): ReferenceRuntime {
    return new ReferenceRuntime();
  }

  release(): void {
    this.buffers.clear();
  }

  async close(): Promise<void> {
    this.release();
  }

  private data(name: string): Float64Array {
    const buffer = this.buffers.get(name);
    if (!buffer) throw new Error(`reference: no buffer '${name}'`);
    return buffer.data;
  }
}

class ReferenceProgram implements Program {
  private values = new Map<Tensor, Float64Array>();

  constructor(
    readonly name: string,
    readonly plan: Plan,
  ) {}

  run(buffer: (name: string) => Float64Array): void {
    this.values = new Map();
    for (const { node } of this.plan.calls) this.runNode(node, buffer);
  }

  async inspect(tensor: Tensor): Promise<NumberArray> {
    const { root, start, size } = tensor;
    const value = this.values.get(root);
    if (!value)
      throw new Error('inspect: this tensor has no value; name it in `retain` and run the program first');
    return value.slice(start, start + size);
  }

  private runNode(node: Node, buffer: (name: string) => Float64Array): void {
    const place = ({ root, start, size }: Tensor): Float64Array => {
      if (root.storage.kind === 'buffer') return buffer(root.storage.buffer).subarray(start, start + size);
      const value = this.values.get(root) ?? new Float64Array(root.size);
      this.values.set(root, value);
      return value.subarray(start, start + size);
    };
    const empty = new Float64Array(0);
    const inputs = node.inputs.map((input) => (input ? place(input) : empty));
    const results = node.op.reference(inputs, node);
    node.outputs.forEach((output, k) => {
      const target = place(output);
      const result = results[k]!;
      if (node.accumulate[k]) for (let i = 0; i < result.length; i++) target[i]! += result[i]!;
      else target.set(result);
    });
    mutated(node).forEach((tensor, k) => {
      place(tensor).set(results[node.outputs.length + k]!);
    });
  }
}
