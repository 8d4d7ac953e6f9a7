import { adam, ranges } from '../kernels/optimizers.js';
import type { Runtime } from './runtime.js';
import { ALIGNMENT, alignTo, type Graph, type Shape, sizeOf, type Tensor } from './tensor.js';

/** Trained tensors of a small network of one's own, in one flat buffer each for values, gradients and Adam's moments. */
export class Learner<Name extends string> {
  readonly parameters: Readonly<Record<Name, Tensor>>;
  private readonly length: number;
  private steps = 0;

  constructor(
    private readonly graph: Graph,
    private readonly shapes: Readonly<Record<Name, Shape>>,
  ) {
    let offset = 0;
    const made = Object.entries<Shape>(shapes).map(([name, shape]) => {
      const tensor = graph.buffer('parameters', shape, 'f32', offset);
      tensor.gradient = graph.buffer('gradients', shape, 'f32', offset);
      offset += alignTo(sizeOf(shape), ALIGNMENT);
      return [name, tensor] as const;
    });
    this.parameters = Object.fromEntries(made) as Record<Name, Tensor>;
    this.length = offset;
  }

  /** Appends Adam's update; call it behind backward(). */
  adam({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = {}): void {
    const hyper = this.graph.buffer('hyper', [4]);
    const flag = this.graph.buffer('flag', [1], 'u32');
    for (const { offset, length } of ranges(this.length)) {
      const flat = (name: string): Tensor => this.graph.buffer(name, [length], 'f32', offset);
      const group = {
        parameters: flat('parameters'),
        gradients: flat('gradients'),
        m: flat('m'),
        v: flat('v'),
      };
      adam(group, hyper, flag, { beta1, beta2, epsilon, weightDecay });
    }
  }

  /** Fills the parameters: `value` of a tensor's name, fan-in (all sizes but the last) and element. */
  start(runtime: Runtime, value: (name: Name, fanIn: number, i: number) => number): void {
    for (const [name, shape] of Object.entries<Shape>(this.shapes)) {
      const { storage, size } = this.parameters[name as Name];
      const fanIn = sizeOf(shape) / shape.at(-1)!;
      const values = Float32Array.from({ length: size }, (_, i) => value(name as Name, fanIn, i));
      if (storage.kind === 'buffer') runtime.write('parameters', values, storage.offset);
    }
  }

  /** Sets the rate of the next step and Adam's bias corrections. */
  rate(runtime: Runtime, lr: number, beta1 = 0.9, beta2 = 0.999): void {
    const t = ++this.steps;
    runtime.write('hyper', Float32Array.of(lr, 1 - beta1 ** t, Math.sqrt(1 - beta2 ** t), 0));
  }
}
