import { type Meta, ShapeError } from '../engine/tensor.js';

const describe = (meta: Meta | undefined): string =>
  meta ? `${meta.dtype === 'f32' ? '' : `${meta.dtype} `}[${meta.shape}]` : 'nothing';

/** Unless `fits`, throws a ShapeError that names the function, what it wants and what it got. */
export function demand(fits: boolean, name: string, wants: string, got: readonly (Meta | undefined)[]): void {
  if (!fits) throw new ShapeError(`${name}: wants ${wants}; got ${got.map(describe).join(', ')}`);
}

/** Whether the tensor is there and has this shape (and type). */
export const is = (meta: Meta | undefined, shape: readonly number[], dtype = 'f32'): boolean =>
  meta !== undefined && `${meta.shape}` === `${shape}` && meta.dtype === dtype;
