import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashUniform } from '../../src/engine/check.js';
import { Graph, sizeOf } from '../../src/engine/tensor.js';
import { libNet, type NetConfig } from '../../src/model/lib-net.js';
import type { ModelName } from '../../src/model/names.js';
import { ParameterTable } from '../../src/model/parameters.js';
import { stateDict, writeEntries } from '../../src/model/state-dict.js';
import { onnxOf, writeOnnx } from '../../src/onnx/detector.js';
import { decodeOnnx } from '../../src/onnx/format.js';
import { type OpenRuntime, openRuntime } from '../../src/platform/node/runtime.js';
import { goldenWeights } from '../../src/verify/golden-run.js';
import { onnxRuntime } from './onnxruntime.js';

let folder: string;
let opened: OpenRuntime;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clew-onnx-'));
  opened = await openRuntime();
});

afterAll(async () => {
  await opened.runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

const BATCH = 3;
const LIBS = 3;
const netOf = (model: ModelName): NetConfig => ({ model, libs: LIBS, gil: true, lil: true });

/** The network on the engine: its state dict, and the heads of a batch of images. */
async function engine(net: NetConfig, size: number) {
  const graph = new Graph();
  const table = new ParameterTable();
  const images = graph.buffer('x', [BATCH, size, size, 3]);
  const [clock, rows] = [graph.buffer('clock', [3], 'u32'), graph.buffer('rows', [1], 'u32')];
  const { z, f, l } = libNet(images, net, { graph, table, norm: 'running', dropout: 0, clock, rows });
  const runtime = opened.runtime.sibling();
  const [program] = await runtime.compile([{ name: 'onnx', graph, retain: [z, f, ...l] }]);
  for (const parameter of table.list())
    await writeEntries(runtime, parameter.home, parameter, ({ name, shape }) => goldenWeights(name, shape));
  const shapes = new Map(stateDict(table).map(({ name, shape }) => [name, shape]));
  const heads = async (nhwc: Float32Array): Promise<Record<string, number[]>> => {
    runtime.write('x', nhwc);
    runtime.submit([{ run: program! }]);
    const named = { z, f, ...Object.fromEntries(l.map((tensor, i) => [`l_${i + 1}`, tensor])) };
    const values: Record<string, number[]> = {};
    for (const [name, tensor] of Object.entries(named))
      values[name] = Array.from(await program!.inspect(tensor));
    return values;
  };
  return { shapes, heads, release: () => runtime.release() };
}

/** The exported file of a network with the golden formula's weights. */
async function exported(
  net: NetConfig,
  size: number,
  fold: boolean,
  shapes: ReadonlyMap<string, readonly number[]>,
) {
  const path = join(folder, `${net.model}-${fold}.onnx`);
  const weight = async (name: string): Promise<Float32Array> => goldenWeights(name, shapes.get(name)!);
  await writeOnnx(path, onnxOf({ net, size, fold, metadata: { channel_order: 'bgr' } }, weight));
  return readFileSync(path);
}

const transposed = (nhwc: Float32Array, size: number): Float32Array => {
  const pixels = size * size;
  return nhwc.map((_, k) => {
    const [image, channel, pixel] = [Math.floor(k / (3 * pixels)), Math.floor(k / pixels) % 3, k % pixels];
    return nhwc[(image * pixels + pixel) * 3 + channel]!;
  });
};

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

describe.each<[ModelName, number]>([
  ['resnet34', 64],
  ['resnet50', 33],
  ['mobilenet', 64],
  ['efficientnet-b0', 75],
])('%s of %i LIBs', (model, size) => {
  test('ONNX Runtime computes the heads and scores of the engine, plain and folded, for any batch', async () => {
    const { Tensor, InferenceSession } = onnxRuntime();
    const net = netOf(model);
    const { shapes, heads, release } = await engine(net, size);
    const nhwc = Float32Array.from({ length: BATCH * size * size * 3 }, (_, k) => 2 * hashUniform(model, k));
    const nchw = transposed(nhwc, size);
    const want = await heads(nhwc);
    release();
    const scores = Array.from(
      { length: BATCH },
      (_, b) => 1 / (1 + Math.exp(want.z![2 * b]! - want.z![2 * b + 1]!)),
    );
    expect(Math.max(...scores) - Math.min(...scores)).toBeGreaterThan(1e-3);
    for (const fold of [false, true]) {
      const session = await InferenceSession.create(await exported(net, size, fold, shapes));
      for (const batch of [BATCH, 1]) {
        const input = new Tensor('float32', nchw.subarray(0, batch * 3 * size * size), [
          batch,
          3,
          size,
          size,
        ]);
        const got = await session.run({ input });
        expect(Object.keys(got).sort()).toEqual([...Object.keys(want), 'score'].sort());
        expect(got.score!.dims).toEqual([batch]);
        expect(largestDifference(got.score!.data, scores)).toBeLessThan(1e-4);
        for (const [name, values] of Object.entries(want)) {
          expect(got[name]!.dims).toEqual([batch, 2]);
          expect(largestDifference(got[name]!.data, values), name).toBeLessThan(1e-4);
        }
      }
      await session.release();
    }
  });
});

describe('the file', () => {
  const used = (shapes: ReadonlyMap<string, readonly number[]>): string[] =>
    [...shapes.keys()].filter((name) => !/\._?fc\./.test(name)).sort();
  type Listed = {
    readonly graph: { readonly node: { opType: string }[]; readonly initializer: { name: string }[] };
  };
  const listed = (bytes: Uint8Array) => {
    const { graph } = decodeOnnx(bytes) as unknown as Listed;
    return {
      initializers: graph.initializer.map(({ name }) => name).sort(),
      operators: new Set(graph.node.map(({ opType }) => opType)),
    };
  };

  test('names its initialisers as the state dict does, all but the unused classifier', async () => {
    const net = netOf('mobilenet');
    const { shapes, release } = await engine(net, 32);
    release();
    const { initializers, operators } = listed(await exported(net, 32, false, shapes));
    expect(initializers).toEqual(used(shapes));
    expect(initializers).toContain('region_model3.model.13.4.running_var');
    expect(operators).toContain('BatchNormalization');
  });

  test('has no batch norm left when folded, and a bias for each convolution', async () => {
    const net = netOf('efficientnet-b0');
    const { shapes, release } = await engine(net, 32);
    release();
    const { initializers, operators } = listed(await exported(net, 32, true, shapes));
    expect(operators).not.toContain('BatchNormalization');
    const weights = used(shapes).filter((name) => name.endsWith('.weight') && shapes.get(name)!.length > 1);
    expect(initializers).toEqual(
      [...weights, ...weights.map((name) => name.replace(/weight$/, 'bias'))].sort(),
    );
  });

  test('says what it is: opset 17, a batch of any size, the model, what the checkpoint adds', async () => {
    const net = netOf('tiny');
    const { shapes, release } = await engine(net, 32);
    release();
    expect(decodeOnnx(await exported(net, 32, false, shapes))).toMatchObject({
      irVersion: '8',
      opsetImport: [{ version: '17' }],
      metadataProps: [
        { key: 'model', value: 'tiny' },
        { key: 'num_LIBs', value: '3' },
        { key: 'channel_order', value: 'bgr' },
      ],
      graph: {
        input: [
          {
            name: 'input',
            type: {
              tensorType: {
                elemType: 1,
                shape: {
                  dim: [{ dimParam: 'N' }, { dimValue: '3' }, { dimValue: '32' }, { dimValue: '32' }],
                },
              },
            },
          },
        ],
      },
    });
  });

  test('is refused, and not begun, where it would be larger than the format allows', async () => {
    const path = join(folder, 'large.onnx');
    const net = { ...netOf('efficientnet-b7'), libs: 9 };
    const nobody = async (name: string): Promise<Float32Array> => new Float32Array(sizeOf([name.length]));
    const writing = async (): Promise<void> => writeOnnx(path, onnxOf({ net, size: 64, fold: true }, nobody));
    await expect(writing).rejects.toThrow(
      /^an ONNX file of 2\.\d GiB: its format ends at 2 GiB; export a detector of fewer LIBs \(--num_LIBs\) or of a smaller --model$/,
    );
    expect(existsSync(path)).toBe(false);
  });
});
