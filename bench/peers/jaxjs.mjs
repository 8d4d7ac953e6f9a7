// jax-js 0.1.25 on its WebGPU backend: NCHW images, OIHW weights, every computation under jit. An array is used up by its use; `.ref`
// keeps it.
import { inputsOf, outSide, values } from './cases.mjs';
import { libNet, totalLoss } from './net.mjs';

export const name = 'jaxjs';

export async function open() {
  const jax = await import('@jax-js/jax');
  await jax.init('webgpu');
  jax.defaultDevice('webgpu');
  const { queue } = jax.getWebGPUDevice();
  const side = { ...jax, np: jax.numpy, queue };
  return {
    prepare: async (c) => prepare(side, c),
    prepareStep: async (c) => prepareStep(side, c),
    close: () => {},
  };
}

const array = ({ np }, data, shape) => np.array(data).reshape(shape);

/** [n, h, w, c] values as [n, c, h, w]. */
function toNchw(data, [n, h, w, c]) {
  const out = new Float32Array(data.length);
  for (let b = 0; b < n; b++)
    for (let i = 0; i < h * w; i++)
      for (let k = 0; k < c; k++) out[(b * c + k) * h * w + i] = data[(b * h * w + i) * c + k];
  return out;
}

function toNhwc(data, [n, h, w, c]) {
  const out = new Float32Array(data.length);
  for (let b = 0; b < n; b++)
    for (let i = 0; i < h * w; i++)
      for (let k = 0; k < c; k++) out[(b * h * w + i) * c + k] = data[(b * c + k) * h * w + i];
  return out;
}

/** [groups, kh*kw, in, out] values as [groups*out, in, kh*kw], or back. */
function turnWeights(data, [groups, taps, from, to], back) {
  const out = new Float32Array(data.length);
  for (let g = 0; g < groups; g++)
    for (let t = 0; t < taps; t++)
      for (let i = 0; i < from; i++)
        for (let o = 0; o < to; o++) {
          const [ours, theirs] = [((g * taps + t) * from + i) * to + o, ((g * to + o) * from + i) * taps + t];
          if (back) out[ours] = data[theirs];
          else out[theirs] = data[ours];
        }
  return out;
}

function prepare(jax, c) {
  const inputs = inputsOf(c);
  const { args, compute, read = (data) => data } = computation(jax, c, inputs);
  const compiled = jax.jit(compute);
  let last = [];
  const drop = () => {
    for (const array of last) array.dispose();
  };
  return {
    run: () => {
      drop();
      last = [compiled(...args.map((arg) => arg.ref))].flat();
    },
    sync: async () => {
      await jax.blockUntilReady(last[0].ref);
      await jax.queue.onSubmittedWorkDone();
    },
    result: async () => read(await last[0].ref.data()),
    dispose: () => {
      drop();
      for (const arg of args) arg.dispose();
      compiled.dispose();
    },
  };
}

function computation(jax, c, inputs) {
  const { np, lax } = jax;
  if (c.kind === 'matmul')
    return {
      args: ['a', 'b'].map((key) => array(jax, inputs[key], [c.n, c.n])),
      compute: (a, b) => np.matmul(a, b),
    };
  if (c.kind === 'adam') return adam(jax, c, inputs);
  if (c.kind.startsWith('norm')) return norm(jax, c, inputs);
  const o = outSide(c);
  const { n, h, ci, co, k, stride, pad } = c;
  const depthwise = c.kind === 'depthwise';
  const groups = depthwise ? ci : c.groups;
  const [inSide, out] = depthwise ? [ci, ci] : [ci * groups, co * groups];
  const xShape = [n, h, h, inSide];
  const yShape = [n, o, o, out];
  const wShape = depthwise ? [1, k * k, 1, ci] : [groups, k * k, ci, co];
  const x = array(jax, toNchw(inputs.x, xShape), [n, inSide, h, h]);
  const dy = array(jax, toNchw(inputs.dy, yShape), [n, out, o, o]);
  const w = array(jax, turnWeights(inputs.w, wShape, false), [out, depthwise ? 1 : ci, k, k]);
  const border = [
    [pad, pad],
    [pad, pad],
  ];
  const conv = (a, b) =>
    lax.convGeneralDilated(a, b, [stride, stride], border, { featureGroupCount: groups });
  const slope = (f, at, given) => {
    const [value, pull] = jax.vjp(f, [at]);
    value.dispose();
    const [result] = pull(given);
    return result;
  };
  if (depthwise || c.direction === 'forward')
    return { args: [x, w], compute: conv, read: (data) => toNhwc(data, yShape) };
  if (c.direction === 'data gradient')
    return {
      args: [x, w, dy],
      compute: (a, b, d) => slope((v) => conv(v, b.ref), a, d),
      read: (data) => toNhwc(data, xShape),
    };
  return {
    args: [x, w, dy],
    compute: (a, b, d) => slope((v) => conv(a.ref, v), b, d),
    read: (data) => turnWeights(data, wShape, true),
  };
}

const normOver =
  ({ np }, axes, channels) =>
  (x, weight, bias) => {
    const mean = np.mean(x.ref, axes, { keepdims: true });
    const centred = x.sub(mean);
    const variance = np.mean(np.square(centred.ref), axes, { keepdims: true });
    const normal = centred.mul(np.reciprocal(np.sqrt(variance.add(1e-5))));
    return normal.mul(weight.reshape(channels)).add(bias.reshape(channels));
  };

function norm(jax, c, inputs) {
  const shape = [c.n, c.h, c.h, c.c];
  const image = (data) => array(jax, toNchw(data, shape), [c.n, c.c, c.h, c.h]);
  const args = [image(inputs.x), array(jax, inputs.weight, [c.c]), array(jax, inputs.bias, [c.c])];
  const forward = normOver(jax, [0, 2, 3], [1, c.c, 1, 1]);
  const read = (data) => toNhwc(data, shape);
  if (c.kind === 'norm') return { args, compute: forward, read };
  return {
    args: [...args, image(inputs.dy)],
    read,
    compute: (x, weight, bias, dy) => {
      const [value, pull] = jax.vjp(forward, [x, weight, bias]);
      value.dispose();
      const [dx, dweight, dbias] = pull(dy);
      // What a training step needs: all three gradients. One array comes out, so that they are all computed.
      return dx.add(jax.numpy.sum(dweight).add(jax.numpy.sum(dbias)).mul(0));
    },
  };
}

const adamUpdate = ({ np }, p, g, m, v) => {
  const m1 = m.mul(0.9).add(g.ref.mul(0.1));
  const v1 = v.mul(0.999).add(np.square(g).mul(0.001));
  const step = m1.ref.mul(1 / 0.1).mul(np.reciprocal(np.sqrt(v1.ref.mul(1 / 0.001)).add(1e-8)));
  return [p.sub(step.mul(1e-3)), m1, v1];
};

function adam(jax, c, inputs) {
  const args = ['p', 'g', 'm', 'v'].map((key) => array(jax, inputs[key], [c.size]));
  return { args, compute: (p, g, m, v) => adamUpdate(jax, p, g, m, v) };
}

function prepareStep(jax, c) {
  const { np } = jax;
  const o = operations(jax);
  const initial = [];
  const collect = (shape, fanIn, constant) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const data =
      constant === undefined
        ? values(size, initial.length + 1).map((v) => v / Math.sqrt(fanIn))
        : new Float32Array(size).fill(constant);
    initial.push(array(jax, data, weightShape(shape)));
    return initial.at(-1).ref;
  };
  const images = () => array(jax, values(c.batch * c.size ** 2 * 3, 7), [c.batch, 3, c.size, c.size]);
  const labels = () => np.array(Array.from({ length: c.batch }, (_, i) => (i % 2 ? [0, 1] : [1, 0])));
  const lossWith = (next, x, y) => totalLoss(o, libNet(o, x, c, next), y, next([3], 0, 1));
  lossWith(collect, images(), labels()).dispose();
  const loss = (list, x, y) => {
    let at = 0;
    return lossWith(() => list[at++], x, y);
  };
  const step = jax.jit((list, m, v, x, y) => {
    const [value, gradients] = jax.valueAndGrad(loss)(
      list.map((p) => p.ref),
      x,
      y,
    );
    const updated = list.map((p, i) => adamUpdate(jax, p, gradients[i], m[i], v[i]));
    return [value, ...[0, 1, 2].map((k) => updated.map((u) => u[k]))];
  });
  const zeros = () => initial.map((p) => np.zeros(p.shape));
  let state = [np.array(0), initial, zeros(), zeros()];
  const [x, y] = [images(), labels()];
  return {
    run: () => {
      state[0].dispose();
      state = step(state[1], state[2], state[3], x.ref, y.ref);
    },
    sync: async () => {
      await jax.blockUntilReady(state[0].ref);
      await jax.queue.onSubmittedWorkDone();
    },
    loss: async () => (await state[0].ref.data())[0],
    dispose: () => {
      for (const part of [[state[0], x, y], ...state.slice(1)]) for (const a of part) a.dispose();
      step.dispose();
    },
  };
}

/** Parameters come as [k, k, in, out], or [k, k, channels] for a depthwise one. */
const weightShape = (shape) =>
  shape.length === 4
    ? [shape[3], shape[2], shape[0], shape[1]]
    : shape.length === 3
      ? [shape[2], 1, shape[0], shape[1]]
      : shape;

const operations = (jax) => {
  const { np, lax, nn } = jax;
  const border = (pad) => [
    [pad, pad],
    [pad, pad],
  ];
  return {
    share: (x) => x.ref,
    done: (...list) => {
      for (const x of list) x.dispose();
    },
    stop: (x) => lax.stopGradient(x),
    conv: (x, w, stride, pad) => lax.convGeneralDilated(x, w, [stride, stride], border(pad)),
    depthwise: (x, w, stride, pad) =>
      lax.convGeneralDilated(x, w, [stride, stride], border(pad), { featureGroupCount: w.shape[0] }),
    norm: (x, weight, bias) => normOver(jax, [0, 2, 3], [1, x.shape[1], 1, 1])(x, weight, bias),
    norm1d: (x, weight, bias) => normOver(jax, [0], [1, x.shape[1]])(x, weight, bias),
    relu: nn.relu,
    maxPool: (x) => {
      const padded = np.pad(x, [
        [0, 0],
        [0, 0],
        [1, 1],
        [1, 1],
      ]);
      return lax.reduceWindow(padded, (window) => np.max(window), [3, 3], [2, 2]);
    },
    pool: (x) => np.mean(x, [2, 3]),
    linear: (x, w, b) => np.matmul(x, w).add(b),
    concat: (list) => np.concatenate(list, 1),
    stack: (list) => np.stack(list),
    logSoftmax: (x) => nn.logSoftmax(x, -1),
    exp: np.exp,
    log: np.log,
    neg: np.negative,
    add: (a, b) => a.add(b),
    sub: (a, b) => a.sub(b),
    mul: (a, b) => a.mul(b),
    div: (a, b) => a.mul(np.reciprocal(b)),
    scale: (x, by) => x.mul(by),
    plus: (x, by) => x.add(by),
    sum: (x) => np.sum(x),
    mean: (x) => np.mean(x),
    sumRows: (x) => np.sum(x, 1),
  };
};
