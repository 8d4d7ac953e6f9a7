import { describe, expect, test } from 'vitest';
import { packParams } from '../../src/engine/gpu-program.js';
import { addShader, kernelKey, reflect, shaderPath, shaderText } from '../../src/engine/shader.js';

describe('shaderText', () => {
  test('puts directives first, then numeric constants that the text uses, then the text with its includes', () => {
    const text = shaderText('conv2d-software', { LANES: 8, ROWS: 16, HALVES: 2, TEXTURE: true, UNUSED: 7 });
    expect(text.split('\n')[0]).toBe('enable subgroups;');
    expect(text).toContain('const LANES: u32 = 8u;');
    expect(text).not.toContain('UNUSED');
    expect(text).toContain('texture_storage_2d<rgba32float, read>');
    expect(text).not.toMatch(/^\s*#/m);
  });

  test('unrolls nested loops: 2 halves of 8 lanes are 16 sums', () => {
    const text = shaderText('conv2d-software', { LANES: 8, ROWS: 16, HALVES: 2 });
    expect(new Set(text.match(/\bvar s\d_\d\b/g))).toHaveLength(16);
  });

  test('a condition leaves one of its branches', () => {
    const [data, forward] = [true, false].map((DATA_GRADIENT) =>
      shaderText('conv2d-software', { LANES: 4, ROWS: 8, HALVES: 2, DATA_GRADIENT }),
    );
    expect(data).toContain('let depth = co4;');
    expect(forward).toContain('let depth = ci4;');
    expect(forward).not.toContain('let depth = co4;');
  });

  test("names the file of a reader's own text that cannot be expanded", () => {
    addShader('own-text', '#if A\nfn f() {}\n', 'my/own.wgsl');
    expect(() => shaderText('own-text')).toThrow(/^my\/own\.wgsl: .*#endif/);
    expect(shaderPath('own-text')).toBe('my/own.wgsl');
  });

  test('says which file is missing and which count is unknown', () => {
    expect(() => shaderText('no-such-shader')).toThrow('there is no shaders/no-such-shader.wgsl');
    expect(() => shaderText('conv2d-software', { LANES: 8 })).toThrow(
      'shaders/conv2d-software.wgsl: #unroll h HALVES: no such constant',
    );
  });
});

test('a pipeline is named by its true and numeric constants, in any order', () => {
  expect(kernelKey('relu', { B: 2, A: true, C: false })).toBe(kernelKey('relu', { A: true, B: 2 }));
  expect(kernelKey('relu', { B: 2 })).not.toBe(kernelKey('relu', { B: 3 }));
});

describe('reflection', () => {
  const code = `
    struct Params { size: u32, // elements
      rate: f32, shift: i32 }
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read> x: array<f32>;
    @group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
    @group(0) @binding(3) var t: texture_storage_2d<rgba32float, read>;
    @group(0) @binding(15) var<storage, read_write> queue: atomic<u32>;`;

  test('reads bindings and the fields of Params', () => {
    expect(reflect(code)).toEqual({
      bindings: [
        { name: 'params', binding: 0, kind: 'uniform' },
        { name: 'x', binding: 1, kind: 'read' },
        { name: 'y', binding: 2, kind: 'read_write' },
        { name: 't', binding: 3, kind: 'texture' },
        { name: 'queue', binding: 15, kind: 'queue' },
      ],
      params: [
        { name: 'size', type: 'u32' },
        { name: 'rate', type: 'f32' },
        { name: 'shift', type: 'i32' },
      ],
    });
  });

  test('values are laid out as the struct declares them, in whole 16 bytes', () => {
    const pass = { shader: 'relu', params: { shift: -3, size: 7, rate: 0.5 }, grid: [1, 1, 1] } as const;
    const words = packParams(pass, reflect(code));
    const view = new DataView(words.buffer);
    expect(words.length).toBe(4);
    expect([view.getUint32(0, true), view.getFloat32(4, true), view.getInt32(8, true)]).toEqual([7, 0.5, -3]);
  });

  test('a value too few, too many or not a number is an error with its name', () => {
    const pack = (params: Record<string, number>) =>
      packParams({ shader: 'relu', params, grid: [1, 1, 1] }, reflect(code));
    expect(() => pack({ size: 1, rate: 1 })).toThrow('relu: no value for params.shift');
    expect(() => pack({ size: 1, rate: Number.NaN, shift: 0 })).toThrow('relu: no value for params.rate');
    expect(() => pack({ size: 1, rate: 1, shift: 0, more: 2 })).toThrow(
      "relu: struct Params has no field 'more'",
    );
    expect(() => reflect('struct Params { at: vec3u }')).toThrow(
      "field 'at' is vec3u; only u32, i32 and f32",
    );
  });
});
