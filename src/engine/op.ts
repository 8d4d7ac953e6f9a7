import type { ShaderName } from '../kernels/shaders.generated.js';
import type { Destination, DType, Meta, Shape, Tensor } from './tensor.js';

export type Attributes = Readonly<Record<string, number | boolean | string | readonly number[] | undefined>>;

/** What an adapter can do, as far as kernels care. */
export interface Capabilities {
  /** Runs on the CPU: kernels are laid out for SIMD lanes and caches instead of warps and workgroup memory. */
  readonly software: boolean;
  /** Exact subgroup size, or 0 when the adapter names none. */
  readonly subgroupSize: number;
  readonly features: ReadonlySet<string>;
  readonly limits: Readonly<Record<string, number>>;
  /** The user allows what rounds more than a plain float32 sum (--fast_math). */
  readonly fastMath?: boolean;
  /** The user allows operands rounded to 16 bits (--precision f16). */
  readonly halves?: boolean;
}

/** Largest error that a variant may make, relative to the largest element. */
export const toleranceOf = (
  { tolerance, variants }: Pick<Op, 'tolerance' | 'variants'>,
  variant: string,
): number => variants[variant]?.tolerance ?? tolerance ?? 1e-5;

/** Shapes and attributes of one call. */
export interface Metas<A extends Attributes = Attributes> {
  readonly inputs: readonly (Meta | undefined)[];
  readonly outputs: readonly Meta[];
  readonly attrs: A;
}

/** One call of an operation as a kernel sees it: shapes, attributes and the adapter, no values. */
export interface Call<A extends Attributes = Attributes> extends Metas<A> {
  readonly accumulate: readonly boolean[];
  readonly capabilities: Capabilities;
}

/** One dispatch. */
export interface Pass {
  readonly shader: ShaderName;
  /** Values for #if conditions and `const`s; a new combination is a new pipeline. */
  readonly constants?: Readonly<Record<string, number | boolean>>;
  /** The fields of the shader's `struct Params`, by name. */
  readonly params: Readonly<Record<string, number>>;
  readonly grid: readonly [number, number, number];
  /** Shader variable -> tensor name, where they differ. */
  readonly bind?: Readonly<Record<string, string>>;
}

/** One way to compute an operation. */
export interface Variant<A extends Attributes = Attributes> {
  /** Whether the shapes and the adapter allow it; default: always. */
  valid?(call: Call<A>): boolean;
  /** Where it rounds more than the operation's tolerance lets it. */
  readonly tolerance?: number;
  /** Temporary f32 tensors: name -> elements. */
  scratch?(call: Call<A>): Record<string, number>;
  passes(call: Call<A>): Pass[];
}

/** How an input of a case is filled: uniform in [low, high); `spread`: all values distinct and well apart; `values`: these. */
export interface CaseInput {
  readonly shape: Shape;
  readonly dtype?: DType;
  readonly low?: number;
  readonly high?: number;
  readonly spread?: boolean;
  /** Keeps values this far from zero, where the function has a kink. */
  readonly awayFromZero?: number;
  readonly values?: readonly number[];
}

export interface Case<A extends Attributes = Attributes> {
  readonly name: string;
  readonly inputs: readonly (CaseInput | undefined)[];
  readonly attrs: A;
  /** Inputs whose gradient is compared with finite differences; default: all f32 ones. Empty: none. */
  readonly gradients?: readonly number[];
}

/** What a gradient rule is given. */
export interface GradientCall<A extends Attributes = Attributes> {
  readonly inputs: readonly (Tensor | undefined)[];
  readonly outputs: readonly Tensor[];
  /** Gradient of the loss with respect to each output; undefined where the loss does not depend on it. */
  readonly dys: readonly (Tensor | undefined)[];
  readonly attrs: A;
  /** Whether somebody needs the gradient of input i. */
  wants(i: number): boolean;
  /** Where the gradient of input i should go, if it has a place already: a parameter's, or a sum under way. */
  into(i: number): Destination | undefined;
}

/** All there is to know about one operation. */
export interface OpSpec<A extends Attributes> {
  readonly name: string;
  /** One line: the equation, and where it comes from. */
  readonly doc: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Inputs that the operation also writes (running statistics, moments), by name. */
  readonly mutates?: readonly string[];
  /** Outputs that can be added to what their place holds, by name. */
  readonly accumulates?: readonly string[];
  /** Shapes of the outputs; throws a ShapeError that names what is wrong. */
  shape(inputs: readonly (Meta | undefined)[], attrs: A): Meta[];
  /** The first valid one is the default; `naive` is the one to check the others by. */
  readonly variants: Readonly<Record<string, Variant<A>>>;
  /** Gradients of the inputs in terms of other operations. Absent: no gradient flows. */
  gradient?(call: GradientCall<A>): (Tensor | undefined)[];
  /** The first output once more, from inputs and the other outputs, cheaply; undefined where that saves nothing (recompute.ts). */
  again?(call: Pick<GradientCall<A>, 'inputs' | 'outputs' | 'attrs'>): Tensor | undefined;
  /** The same in plain float64: outputs, then the new values of the mutated inputs. */
  reference(inputs: readonly Float64Array[], call: Metas<A>): Float64Array[];
  /** Floating-point operations, and bytes moved to and from memory at best. */
  cost(call: Metas<A>): { flops: number; bytes: number };
  readonly cases: readonly Case<A>[];
  /** Shapes of real networks, for `clew bench kernels`. */
  readonly benchmarks?: readonly Case<A>[];
  /** Largest error of an output relative to its largest element; default 1e-5. */
  readonly tolerance?: number;
}

export interface Op<A extends Attributes = Attributes> extends OpSpec<A> {
  /** Appends a call to the graph of its inputs and returns the outputs. */
  call(
    inputs: readonly (Tensor | undefined)[],
    attrs: A,
    into?: readonly (Destination | undefined)[],
  ): Tensor[];
}

/** Makes an operation from its specification. */
export function op<A extends Attributes>(spec: OpSpec<A>): Op<A> {
  const made: Op<A> = {
    ...spec,
    call(inputs, attrs, into) {
      const graph = inputs.find((tensor) => tensor)?.graph;
      if (!graph) throw new Error(`${spec.name}: wants at least one input tensor`);
      return graph.call(made, inputs, attrs, into);
    },
  };
  return made;
}

/** Workgroups for n items, `perGroup` each, folded into two dimensions (65,535 is WebGPU's limit for one). */
export function linearGrid(n: number, perGroup: number): [number, number, number] {
  const groups = Math.max(1, Math.ceil(n / perGroup));
  const rows = Math.ceil(groups / 65_535);
  return [Math.ceil(groups / rows), rows, 1];
}

/** The meta of an input that must be there. */
export function need(inputs: readonly (Meta | undefined)[], i: number): Meta {
  const meta = inputs[i];
  if (!meta) throw new Error(`input ${i} is missing`);
  return meta;
}

/** Bytes of all the tensors of a call, each moved once: the least an operation can do. */
export const trafficOf = (metas: readonly (Meta | undefined)[]): number =>
  metas.reduce(
    (sum, meta) => sum + (meta ? meta.shape.reduce((a, b) => a * b, 1) * (meta.dtype === 'u8' ? 1 : 4) : 0),
    0,
  );

/** An f32 output of this shape. */
export const f32 = (...shape: number[]): Meta => ({ shape, dtype: 'f32' });
