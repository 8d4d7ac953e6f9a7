// TensorFlow.js 4.22 on its WebGPU backend. It has no grouped convolution: split, convolve, concatenate.
import { inputsOf, outSide, values } from './cases.mjs';
import { libNet, totalLoss } from './net.mjs';

export const name = 'tfjs';

export async function open() {
  const tf = await import('@tensorflow/tfjs');
  await import('@tensorflow/tfjs-backend-webgpu');
  await tf.setBackend('webgpu');
  await tf.ready();
  const { queue } = tf.backend().device;
  const sync = async () => {
    const backend = tf.backend();
    if (backend.commandEncoder) {
      backend.endComputePassEncoder();
      backend.submitQueue();
    }
    await queue.onSubmittedWorkDone();
  };
  return {
    prepare: async (c) => prepare(tf, c, sync),
    prepareStep: async (c) => prepareStep(tf, c, sync),
    close: () => tf.engine().reset(),
  };
}

function prepare(tf, c, sync) {
  const inputs = inputsOf(c);
  const made = [];
  const tensor = (data, shape) => {
    const t = tf.tensor(data, shape);
    made.push(t);
    return t;
  };
  const compute = computation(tf, c, inputs, tensor);
  let last;
  return {
    run: () => {
      last?.dispose();
      last = tf.tidy(compute);
    },
    sync,
    result: () => last.data(),
    dispose: () => tf.dispose([last, ...made]),
  };
}

function computation(tf, c, inputs, tensor) {
  if (c.kind === 'matmul') {
    const [a, b] = ['a', 'b'].map((key) => tensor(inputs[key], [c.n, c.n]));
    return () => tf.matMul(a, b);
  }
  if (c.kind === 'adam') return adamStep(tf, c, inputs);
  if (c.kind.startsWith('norm')) return norm(tf, c, inputs, tensor);
  if (c.kind === 'depthwise') {
    const x = tensor(inputs.x, [c.n, c.h, c.h, c.ci]);
    const w = tensor(inputs.w, [c.k, c.k, c.ci, 1]);
    const pad = [
      [0, 0],
      [1, 1],
      [1, 1],
      [0, 0],
    ];
    return () => tf.depthwiseConv2d(x, w, c.stride, pad);
  }
  return convolution(tf, c, inputs, tensor);
}

function convolution(tf, { n, h, ci, co, k, stride, pad, groups, direction }, inputs, tensor) {
  const o = outSide({ h, k, stride, pad });
  const x = tensor(inputs.x, [n, h, h, ci * groups]);
  const dy = tensor(inputs.dy, [n, o, o, co * groups]);
  const size = k * k * ci * co;
  const w = Array.from({ length: groups }, (_, g) =>
    tensor(inputs.w.subarray(g * size, (g + 1) * size), [k, k, ci, co]),
  );
  const border = [
    [0, 0],
    [pad, pad],
    [pad, pad],
    [0, 0],
  ];
  const attrs = { strides: [stride, stride], pad: border, dataFormat: 'NHWC', dilations: [1, 1] };
  const kernel = (name, given, more) => tf.engine().runKernel(name, given, { ...attrs, ...more });
  const split = (t) => (groups === 1 ? [t] : tf.split(t, groups, 3));
  const join = (list) => (groups === 1 ? list[0] : tf.concat(list, 3));
  if (direction === 'forward')
    return () => join(split(x).map((part, g) => tf.conv2d(part, w[g], stride, border)));
  if (direction === 'data gradient')
    return () =>
      join(
        split(dy).map((part, g) =>
          kernel('Conv2DBackpropInput', { dy: part, filter: w[g] }, { inputShape: [n, h, h, ci] }),
        ),
      );
  return () => {
    const [xs, dys] = [split(x), split(dy)];
    const list = xs.map((part, g) =>
      kernel('Conv2DBackpropFilter', { x: part, dy: dys[g] }, { filterShape: [k, k, ci, co] }),
    );
    return groups === 1 ? list[0] : tf.concat(list, 0);
  };
}

function norm(tf, c, inputs, tensor) {
  const shape = [c.n, c.h, c.h, c.c];
  const [x, dy] = [tensor(inputs.x, shape), tensor(inputs.dy, shape)];
  const [weight, bias] = [tensor(inputs.weight, [c.c]), tensor(inputs.bias, [c.c])];
  const forward = (a, b, d) => {
    const { mean, variance } = tf.moments(a, [0, 1, 2]);
    return tf.batchNorm(a, mean, variance, d, b, 1e-5);
  };
  if (c.kind === 'norm') return () => forward(x, weight, bias);
  const gradients = tf.grads(forward);
  return () => gradients([x, weight, bias], dy)[0];
}

function adamStep(tf, c, inputs) {
  const variable = tf.variable(tf.tensor(inputs.p, [c.size]), true, 'p');
  const gradient = tf.tensor(inputs.g, [c.size]);
  const optimizer = tf.train.adam(1e-3, 0.9, 0.999, 1e-8);
  return () => {
    optimizer.applyGradients({ p: gradient });
    return variable.clone();
  };
}

function prepareStep(tf, c, sync) {
  const variables = [];
  let at = 0;
  const next = (shape, fanIn, constant) => {
    if (at === variables.length) {
      const size = shape.reduce((a, b) => a * b, 1);
      const data =
        constant === undefined
          ? values(size, at + 1).map((v) => v / Math.sqrt(fanIn))
          : new Float32Array(size).fill(constant);
      variables.push(tf.variable(tf.tensor(data, shape), true));
    }
    return variables[at++];
  };
  const images = tf.tensor(values(c.batch * c.size ** 2 * 3, 7), [c.batch, c.size, c.size, 3]);
  const labels = tf.oneHot(
    tf.tensor1d(
      Array.from({ length: c.batch }, (_, i) => i % 2),
      'int32',
    ),
    2,
  );
  const optimizer = tf.train.adam(1e-3);
  const o = operations(tf);
  const loss = () => {
    at = 0;
    return totalLoss(o, libNet(o, images, c, next), labels, next([3], 0, 1)).asScalar();
  };
  tf.tidy(() => void loss()); // makes the variables: minimize() counts them before it calls
  let last;
  return {
    run: () => {
      last?.dispose();
      last = optimizer.minimize(loss, true);
    },
    sync,
    loss: async () => (await last.data())[0],
    dispose: () => {
      tf.dispose([last, images, labels, ...variables]);
      optimizer.dispose();
    },
  };
}

const operations = (tf) => {
  const border = (pad) => [
    [0, 0],
    [pad, pad],
    [pad, pad],
    [0, 0],
  ];
  const normOver = (axes) => (x, weight, bias) => {
    const { mean, variance } = tf.moments(x, axes);
    return tf.batchNorm(x, mean, variance, bias, weight, 1e-5);
  };
  return {
    share: (x) => x,
    done: () => {},
    stop: (x) => stopGradient(tf, x),
    conv: (x, w, stride, pad) => tf.conv2d(x, w, stride, border(pad)),
    depthwise: (x, w, stride, pad) => tf.depthwiseConv2d(x, w.expandDims(3), stride, border(pad)),
    norm: normOver([0, 1, 2]),
    norm1d: (x, weight, bias) => normOver([0])(x, weight, bias),
    relu: tf.relu,
    maxPool: (x) => tf.maxPool(tf.pad(x, border(1)), 3, 2, 'valid'), // behind a ReLU zeros are as good as -infinity
    pool: (x) => tf.mean(x, [1, 2]),
    linear: (x, w, b) => tf.add(tf.matMul(x, w), b),
    concat: (list) => tf.concat(list, 1),
    stack: (list) => tf.stack(list),
    logSoftmax: (x) => tf.logSoftmax(x),
    exp: tf.exp,
    log: tf.log,
    neg: tf.neg,
    add: tf.add,
    sub: tf.sub,
    mul: tf.mul,
    div: tf.div,
    scale: (x, by) => tf.mul(x, by),
    plus: (x, by) => tf.add(x, by),
    sum: (x) => tf.sum(x),
    mean: (x) => tf.mean(x),
    sumRows: (x) => tf.sum(x, 1),
  };
};

const stopGradient = (tf, x) =>
  tf.customGrad((value) => ({ value: value.clone(), gradFunc: (dy) => tf.zerosLike(dy) }))(x);
