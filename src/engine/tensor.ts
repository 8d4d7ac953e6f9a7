import type { Attributes, Op } from './op.js';

/** Element types. `u8` packs four elements to a 32-bit word, as images arrive. */
export type DType = 'f32' | 'u32' | 'u8';
/** Sizes, outermost first; activations are NHWC. */
export type Shape = readonly number[];
export type NumberArray = Float32Array | Float64Array | Uint32Array | Uint8Array;

export interface Meta {
  readonly shape: Shape;
  readonly dtype: DType;
}

export const BYTES: Record<DType, number> = { f32: 4, u32: 4, u8: 1 };
export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);
/** Bytes a tensor takes in a buffer: whole 32-bit words. */
export const bytesOf = ({ shape, dtype }: Meta): number => Math.ceil((sizeOf(shape) * BYTES[dtype]) / 4) * 4;
/** Elements between the starts of two tensors in a flat buffer: 256 bytes, the strictest binding alignment of any adapter. */
export const ALIGNMENT = 64;
export const alignTo = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment;

/** A shape or argument that cannot be: names the function, what it got, what it wants. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/**
 * Where a tensor's elements live: in a range of a named buffer that outlives the program (`buffer`, offset in elements), in a slot
 * that the memory plan assigns (`planned`), or in another tensor's place under another shape (`view`, from its element `offset` on).
 */
export type Storage =
  | { readonly kind: 'buffer'; readonly buffer: string; readonly offset: number }
  | { readonly kind: 'planned' }
  | { readonly kind: 'view'; readonly of: Tensor; readonly offset: number; readonly detached: boolean };

/** Bytes of a buffer, or of what stands for one. */
export interface Range<Buffer> {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly bytes: number;
}

export const overlap = <Buffer>(a: Range<Buffer>, b: Range<Buffer>): boolean =>
  a.buffer === b.buffer && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;

/** A place that a result goes to instead of a fresh slot, written or added to. */
export interface Destination {
  readonly tensor: Tensor;
  readonly accumulate: boolean;
}

/** A symbolic tensor: a shape and a place, no values. Values exist only while an executable runs. */
export class Tensor implements Meta {
  /** Where backward() puts this tensor's gradient, if it is a trained parameter (or an input somebody wants the gradient of). */
  gradient?: Tensor;

  constructor(
    readonly graph: Graph,
    readonly shape: Shape,
    readonly dtype: DType,
    readonly storage: Storage,
    readonly producer?: Node,
  ) {}

  get size(): number {
    return sizeOf(this.shape);
  }

  /** The tensor whose place this one shares. */
  get root(): Tensor {
    return this.storage.kind === 'view' ? this.storage.of.root : this;
  }

  /** Where its elements begin, in elements: in the named buffer, or in the planned tensor that is its root. */
  get start(): number {
    const { storage } = this;
    if (storage.kind === 'view') return storage.of.start + storage.offset;
    return storage.kind === 'buffer' ? storage.offset : 0;
  }

  /** The same elements under another shape; no copy. */
  reshape(...shape: number[]): Tensor {
    if (sizeOf(shape) !== this.size)
      throw new ShapeError(
        `reshape: [${this.shape}] holds ${this.size} elements, [${shape}] wants ${sizeOf(shape)}`,
      );
    return new Tensor(
      this.graph,
      shape,
      this.dtype,
      { kind: 'view', of: this, offset: 0, detached: false },
      this.producer,
    );
  }

  /** The same elements, through which no gradient flows: the paper's stopgrad. */
  detach(): Tensor {
    return this.slice(0, this.shape);
  }

  /** The elements from `offset` on (a multiple of 256 bytes, or no kernel can bind them), as a place or a constant: no gradient flows through. */
  slice(offset: number, shape: Shape): Tensor {
    if (offset + sizeOf(shape) > this.size)
      throw new ShapeError(
        `slice: [${shape}] at ${offset} does not lie within the ${this.size} elements of [${this.shape}]`,
      );
    return new Tensor(this.graph, shape, this.dtype, { kind: 'view', of: this, offset, detached: true });
  }
}

/** One call of an operation. */
export interface Node {
  readonly op: Op;
  readonly inputs: readonly (Tensor | undefined)[];
  readonly outputs: readonly Tensor[];
  readonly attrs: Attributes;
  /** accumulate[k]: output k is added to what its place holds. */
  readonly accumulate: readonly boolean[];
}

export interface BufferNeed {
  readonly dtype: DType;
  elements: number;
}

/** The calls of one program, in the order in which they run, and the named buffers they touch. */
export class Graph {
  readonly nodes: Node[] = [];
  readonly buffers = new Map<string, BufferNeed>();

  /** A tensor in a named buffer that outlives the program: inputs, parameters, running statistics, results. */
  buffer(name: string, shape: Shape, dtype: DType = 'f32', offset = 0): Tensor {
    const end = offset + sizeOf(shape);
    const need = this.buffers.get(name);
    if (need && need.dtype !== dtype)
      throw new ShapeError(`buffer: '${name}' holds ${need.dtype}, not ${dtype}; use another name`);
    if (need) need.elements = Math.max(need.elements, end);
    else this.buffers.set(name, { dtype, elements: end });
    return new Tensor(this, shape, dtype, { kind: 'buffer', buffer: name, offset });
  }

  /** A tensor in memory of the plan that nodes write piece by piece, through slices of it. */
  planned(shape: Shape): Tensor {
    return new Tensor(this, shape, 'f32', { kind: 'planned' });
  }

  /** Appends one call of `op` and returns its outputs. `into[k]` names the place of output k. */
  call(
    op: Op,
    inputs: readonly (Tensor | undefined)[],
    attrs: Attributes,
    into: readonly (Destination | undefined)[] = [],
  ): Tensor[] {
    const metas = op.shape(inputs, attrs);
    const outputs: Tensor[] = [];
    const accumulate = metas.map((_, k) => into[k]?.accumulate ?? false);
    const node: Node = { op, inputs, outputs, attrs, accumulate };
    metas.forEach((meta, k) => {
      const place = into[k]?.tensor;
      if (place && sizeOf(place.shape) !== sizeOf(meta.shape))
        throw new ShapeError(
          `${op.name}: result [${meta.shape}] does not fit its destination [${place.shape}]`,
        );
      const storage: Storage = place
        ? { kind: 'view', of: place, offset: 0, detached: false }
        : { kind: 'planned' };
      outputs.push(new Tensor(this, meta.shape, meta.dtype, storage, node));
    });
    this.nodes.push(node);
    return outputs;
  }
}
