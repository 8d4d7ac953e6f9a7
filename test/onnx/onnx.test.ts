import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Graph, sizeOf } from '../../src/engine/tensor.js';
import { libNet, type NetConfig } from '../../src/model/lib-net.js';
import type { ModelName } from '../../src/model/names.js';
import { ParameterTable } from '../../src/model/parameters.js';
import { stateDict, writeEntries } from '../../src/model/state-dict.js';
import { onnxOf, writeOnnx } from '../../src/onnx/detector.js';
import { decodeOnnx } from '../../src/onnx/format.js';
import { type OpenRuntime, openRuntime } from '../../src/platform/node/runtime.js';
import { hashUniform } from '../../src/verify/fill.js';
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
/** Of scores and logits: what two orders of summation in float32 differ by, a few times over. */
const TOLERANCE = 1e-5;
const netOf = (model: ModelName): NetConfig => ({ model, libs: 3, gil: true, lil: true });

/** The graph of the network in evaluation on a batch of images `x`, and its parameters. */
function build(net: NetConfig, size: number) {
  const graph = new Graph();
  const table = new ParameterTable();
  const images = graph.buffer('x', [BATCH, size, size, 3]);
  const [clock, rows] = [graph.buffer('clock', [3], 'u32'), graph.buffer('rows', [1], 'u32')];
  const heads = libNet(images, net, { graph, table, norm: 'running', dropout: 0, clock, rows });
  return { graph, table, heads };
}

/** Images in the engine's order, [B,S,S,3]: noise, each on a ground of its own, so that features tell them apart. */
const imagesOf = (seed: string, size: number): Float32Array =>
  Float32Array.from(
    { length: BATCH * size * size * 3 },
    (_, k) => hashUniform(seed, k) + Math.floor(k / (size * size * 3)) - 1,
  );

/** The golden formula's values, with less said by each residual block: a ResNet's sum of eight would saturate the score. */
function valuesOf(name: string, shape: readonly number[]): Float32Array {
  const values = goldenWeights(name, shape);
  return /layer\d\.\d\.bn2\.weight$/.test(name) ? values.map((value) => value / 4) : values;
}

/** The network on the engine in evaluation: its logits, and its state dict. */
async function engine(net: NetConfig, size: number) {
  const { graph, table, heads } = build(net, size);
  const runtime = opened.runtime.sibling();
  const logits = { z: heads.z, f: heads.f, l_1: heads.l[0]!, l_2: heads.l[1]!, l_3: heads.l[2]! };
  const [program] = await runtime.compile([{ name: 'onnx', graph, retain: Object.values(logits) }]);
  const weights = new Map<string, Float32Array>();
  for (const parameter of table.list())
    await writeEntries(runtime, parameter.home, parameter, ({ name, shape }) => {
      const values = valuesOf(name, shape);
      weights.set(name, values);
      return values;
    });
  runtime.write('x', imagesOf(net.model, size));
  runtime.submit([{ run: program! }]);
  const want: Record<string, Float32Array> = {};
  for (const [name, tensor] of Object.entries(logits))
    want[name] = Float32Array.from(await program!.inspect(tensor));
  runtime.release();
  return { want, weights };
}

/** An exported file; without weights, all of them are 0. */
async function exported(
  net: NetConfig,
  size: number,
  fold: boolean,
  weights?: ReadonlyMap<string, Float32Array>,
) {
  const path = join(folder, 'model.onnx');
  const sizes = new Map(stateDict(build(net, size).table).map(({ name, shape }) => [name, sizeOf(shape)]));
  const weight = async (name: string) => weights?.get(name) ?? new Float32Array(sizes.get(name)!);
  await writeOnnx(path, onnxOf({ net, size, fold, metadata: { channel_order: 'bgr' } }, weight));
  return readFileSync(path);
}

const toNchw = (nhwc: Float32Array, size: number): Float32Array => {
  const pixels = size * size;
  return nhwc.map((_, k) => {
    const [image, channel, pixel] = [Math.floor(k / (3 * pixels)), Math.floor(k / pixels) % 3, k % pixels];
    return nhwc[(image * pixels + pixel) * 3 + channel]!;
  });
};

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

/** softmax(z)[1]. */
const scoresOf = (z: Float32Array): number[] =>
  Array.from({ length: BATCH }, (_, b) => 1 / (1 + Math.exp(z[2 * b]! - z[2 * b + 1]!)));

test.each<[ModelName, number]>([
  ['resnet18', 64],
  ['mobilenet', 64],
  ['efficientnet-b0', 75],
])('ONNX Runtime computes heads and scores of %s as the engine does, plain and folded, for any batch', async (model, size) => {
  const { Tensor, InferenceSession } = onnxRuntime();
  const net = netOf(model);
  const { want, weights } = await engine(net, size);
  const scores = scoresOf(want.z!);
  expect(Math.max(...scores) - Math.min(...scores)).toBeGreaterThan(100 * TOLERANCE);
  const images = toNchw(imagesOf(model, size), size);
  for (const fold of [false, true]) {
    const session = await InferenceSession.create(await exported(net, size, fold, weights));
    for (const batch of [BATCH, 1]) {
      const pixels = images.subarray(0, batch * 3 * size * size);
      const got = await session.run({ input: new Tensor('float32', pixels, [batch, 3, size, size]) });
      expect(Object.keys(got).sort()).toEqual(['f', 'l_1', 'l_2', 'l_3', 'score', 'z']);
      expect(got.score!.dims).toEqual([batch]);
      expect(largestDifference(got.score!.data, scores)).toBeLessThan(TOLERANCE);
      for (const [name, values] of Object.entries(want)) {
        expect(got[name]!.dims).toEqual([batch, 2]);
        expect(largestDifference(got[name]!.data, values), name).toBeLessThan(TOLERANCE);
      }
    }
    await session.release();
  }
});

describe('the file', () => {
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
  /** All tensors of a network but those of the unused classifier. */
  const used = (net: NetConfig) =>
    stateDict(build(net, 32).table).filter(({ name }) => !/\._?fc\./.test(name));

  test('names its initialisers as the state dict does, all but the unused classifier', async () => {
    const { initializers, operators } = listed(await exported(netOf('mobilenet'), 32, false));
    expect(initializers).toEqual(
      used(netOf('mobilenet'))
        .map(({ name }) => name)
        .sort(),
    );
    expect(initializers).toContain('region_model3.model.13.4.running_var');
    expect(operators).toContain('BatchNormalization');
  });

  test('has no batch norm left when folded, and a bias for each layer', async () => {
    const net = netOf('efficientnet-b0');
    const { initializers, operators } = listed(await exported(net, 32, true));
    expect(operators).not.toContain('BatchNormalization');
    const layers = used(net).filter(({ name, shape }) => name.endsWith('.weight') && shape.length > 1);
    const names = layers.flatMap(({ name }) => [name, name.replace(/weight$/, 'bias')]);
    expect(initializers).toEqual(names.sort());
  });

  test('says what it is: opset 17, a batch of any size, the model, what the checkpoint adds', async () => {
    const dim = [{ dimParam: 'N' }, { dimValue: '3' }, { dimValue: '32' }, { dimValue: '32' }];
    expect(decodeOnnx(await exported(netOf('tiny'), 32, false))).toMatchObject({
      irVersion: '8',
      opsetImport: [{ version: '17' }],
      metadataProps: [
        { key: 'model', value: 'tiny' },
        { key: 'num_LIBs', value: '3' },
        { key: 'channel_order', value: 'bgr' },
      ],
      graph: { input: [{ name: 'input', type: { tensorType: { elemType: 1, shape: { dim } } } }] },
    });
  });

  test('is refused, and not begun, where it would be larger than the format allows', async () => {
    const path = join(folder, 'large.onnx');
    const model = onnxOf({ net: { ...netOf('efficientnet-b7'), libs: 9 }, size: 64, fold: true }, () => {
      throw new Error('no weight is asked for');
    });
    await expect(writeOnnx(path, model)).rejects.toThrow(
      /^an ONNX file of 2\.\d GiB: its format ends at 2 GiB; export a detector of fewer LIBs \(--num_LIBs\) or of a smaller --model$/,
    );
    expect(existsSync(path)).toBe(false);
  });
});
