// Clew's side: each case as one compiled program.

import { Graph } from '../../dist/src/engine/tensor.js';
import { batchNormTrain } from '../../dist/src/kernels/batch-norm.js';
import { batchNormGradient } from '../../dist/src/kernels/batch-norm-gradient.js';
import { conv2d, conv2dDataGradientOp, conv2dWeightGradientOp } from '../../dist/src/kernels/conv2d.js';
import { depthwiseConv2d } from '../../dist/src/kernels/depthwise-conv2d.js';
import { linear } from '../../dist/src/kernels/linear.js';
import { adam } from '../../dist/src/kernels/optimizers.js';
import { initialise } from '../../dist/src/model/initialise.js';
import { ParameterTable } from '../../dist/src/model/parameters.js';
import { openRuntime } from '../../dist/src/platform/node/runtime.js';
import { ProgramBuilder } from '../../dist/src/train/programs.js';
import { inputsOf, outSide } from './cases.mjs';

export const name = 'clew';

export async function open() {
  const opened = await openRuntime();
  return {
    ...opened,
    prepare: (c) => prepare(opened.runtime, c),
    prepareStep: (c) => prepareStep(opened.runtime, c),
    close: () => opened.runtime.close(),
  };
}

async function prepare(parent, c) {
  const runtime = parent.sibling();
  const graph = new Graph();
  const inputs = inputsOf(c);
  const buffer = (key, shape) => graph.buffer(key, shape);
  const result = build(c, buffer, graph);
  const [program] = await runtime.compile([{ name: c.op, graph, retain: [result] }]);
  for (const [key, data] of Object.entries(inputs)) if (graph.buffers.has(key)) runtime.write(key, data);
  if (c.kind === 'adam') runtime.write('hyper', Float32Array.of(1e-3, 0.1, Math.sqrt(0.001), 0));
  return {
    run: () => runtime.submit([{ run: program }]),
    sync: () => runtime.idle(),
    result: () => program.inspect(result),
    dispose: () => runtime.release(),
  };
}

function build(c, buffer, graph) {
  if (c.kind === 'matmul') return linear(buffer('a', [c.n, c.n]), buffer('b', [1, c.n, c.n]), undefined);
  if (c.kind === 'adam') {
    const flat = (key) => buffer(key, [c.size]);
    const group = { parameters: flat('p'), gradients: flat('g'), m: flat('m'), v: flat('v') };
    const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
    adam(group, buffer('hyper', [4]), graph.buffer('flag', [1], 'u32'), options);
    return group.parameters;
  }
  if (c.kind.startsWith('norm')) return buildNorm(c, buffer);
  const o = outSide(c);
  const { n, h, ci, co, k, stride, pad, groups } = c;
  const attrs = { stride, pad: [pad, pad, pad, pad] };
  if (c.kind === 'depthwise')
    return depthwiseConv2d(buffer('x', [n, h, h, ci]), buffer('w', [k, k, ci]), attrs);
  const x = () => buffer('x', [n, h, h, ci * groups]);
  const w = () => buffer('w', [groups, k, k, ci, co]);
  const dy = () => buffer('dy', [n, o, o, co * groups]);
  if (c.direction === 'forward') return conv2d(x(), w(), attrs);
  if (c.direction === 'data gradient')
    return conv2dDataGradientOp.call([dy(), w()], { ...attrs, height: h, width: h })[0];
  return conv2dWeightGradientOp.call([x(), dy()], { ...attrs, kernel: [k, k], groups })[0];
}

function buildNorm(c, buffer) {
  const shape = [c.n, c.h, c.h, c.c];
  const x = buffer('x', shape);
  const [weight, bias] = [buffer('weight', [c.c]), buffer('bias', [c.c])];
  const y = batchNormTrain(x, { weight, bias }, { epsilon: 1e-5, momentum: 0.1, activation: 'none' });
  if (c.kind === 'norm') return y;
  const [, mean, rstd] = y.producer.outputs;
  const call = { x, y, dy: buffer('dy', shape), weight, bias, mean, rstd, activation: 'none', frozen: false };
  return batchNormGradient(call, () => undefined).dx;
}

/** A whole training step: images in 8 bits, mixup, dropout, all losses, Adam. */
async function prepareStep(parent, { model, batch, size, libs }) {
  const runtime = parent.sibling();
  const table = new ParameterTable();
  const config = {
    net: { model, libs, gil: true, lil: true },
    loss: { gil: true, lil: true, calculator: 'kl', temperature: 1.5, method: 'auto', scales: [] },
    optimizer: { kind: 'adam', weightDecay: 1e-6, momentum: 0, nesterov: false },
    size,
    dropout: 0.5,
  };
  const [program] = await runtime.compile([new ProgramBuilder(config, table, batch).trainWhole(batch)]);
  await initialise(runtime, table, 0);
  runtime.write(
    'images',
    Uint8Array.from({ length: batch * size * size * 3 }, (_, i) => (i * i) % 251),
  );
  runtime.write(
    'labels',
    Uint32Array.from({ length: batch }, (_, i) => i % 2),
  );
  runtime.write(
    'permutation',
    Uint32Array.from({ length: batch }, (_, i) => i),
  );
  const hyper = new Float32Array(129);
  hyper.set([1e-3, 0.1, Math.sqrt(0.001)], 0);
  hyper.set([1e-3, 0.1, Math.sqrt(0.001)], 64);
  hyper[128] = 1;
  runtime.write('hyper', hyper);
  return {
    run: () => runtime.submit([{ run: program }]),
    sync: () => runtime.idle(),
    loss: async () => (await runtime.read('ring', 0, 1))[0],
    dispose: () => runtime.release(),
  };
}
