import { type Case, f32, need, op } from '../engine/op.js';
import { type Shape, ShapeError, type Tensor } from '../engine/tensor.js';
import { widthFor } from './blocks.js';
import { CLOCK, checkDraw, cost, type DropoutOptions, drawParams, mask } from './dropout.js';

export type DropConnectOptions = DropoutOptions & { readonly groups: number };

export const dropConnectOp = op<DropConnectOptions>({
  name: 'drop_connect',
  doc: 'y = x / (1 - rate) or 0, decided per sample rows[0] + b and group of channels (Huang et al. 2016)',
  inputs: ['x', 'clock', 'rows'],
  outputs: ['y'],
  shape: (inputs, { rate, groups }) => {
    const { shape } = need(inputs, 0);
    checkDraw('dropConnect', rate, need(inputs, 1));
    if (shape.length !== 4 || shape[3]! % groups !== 0)
      throw new ShapeError(
        `dropConnect: wants x [B,H,W,C] with C a multiple of ${groups} groups, got [${shape}]`,
      );
    return [f32(...shape)];
  },
  variants: {
    hash: {
      passes: ({ inputs, attrs }) => {
        const [batch, height, width, channels] = need(inputs, 0).shape;
        const pixels = height! * width!;
        const vector = widthFor(channels! / attrs.groups);
        const columns = channels! / vector;
        return [
          {
            shader: 'drop-connect',
            constants: { VEC: vector },
            params: {
              pixels,
              columns,
              group_columns: columns / attrs.groups,
              groups: attrs.groups,
              ...drawParams(attrs),
            },
            grid: [Math.ceil((columns * Math.ceil(pixels / 8)) / 256), batch!, 1],
          },
        ];
      },
    },
  },
  gradient: ({ inputs: [, clock, rows], dys: [dy], attrs }): Tensor[] =>
    dropConnectOp.call([dy, clock, rows], attrs),
  reference: ([x, clock, rows], { inputs, attrs }) => {
    const [, height, width, channels] = need(inputs, 0).shape;
    const factor = mask(clock!, attrs);
    return [
      x!.map((value, i) => {
        const sample = rows![0]! + Math.floor(i / (height! * width! * channels!));
        const group = Math.floor(((i % channels!) * attrs.groups) / channels!);
        return value * factor(sample * attrs.groups + group);
      }),
    ];
  },
  cost,
  cases: [
    dropConnectCase([5, 1, 1, 1], 1),
    dropConnectCase([7, 3, 5, 12], 4),
    dropConnectCase([4, 5, 3, 16], 2),
  ],
  tolerance: 1e-6,
});

function dropConnectCase(shape: Shape, groups: number): Case<DropConnectOptions> {
  const inputs = [{ shape, awayFromZero: 0.1 }, CLOCK, { shape: [1], dtype: 'u32', values: [6] } as const];
  return { name: `${shape} groups ${groups}`, inputs, attrs: { rate: 0.4, groups, key: 17 } };
}

/**
 * Zeroes whole groups of channels of whole samples of x [B,H,W,C], the rest scaled by 1 / (1 - rate).
 * @param rows u32 [1]: the index of x's first sample in the batch, so that slices draw what the batch would
 */
export const dropConnect = (x: Tensor, clock: Tensor, rows: Tensor, options: DropConnectOptions): Tensor =>
  dropConnectOp.call([x, clock, rows], options)[0]!;
