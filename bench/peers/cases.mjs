// The work that is compared, in numbers: sizes, inputs, and what some elements of the result must be in float64.

const conv = (name, n, h, c, k, stride, pad, groups = 1, out = c) =>
  ['forward', 'data gradient', 'weight gradient'].map((direction) => ({
    op: `conv ${k}x${k} ${direction}`,
    shape: `${name}${groups > 1 ? `, ${groups} groups` : ''}`,
    kind: 'conv',
    direction,
    n,
    h,
    ci: c,
    co: out,
    k,
    stride,
    pad,
    groups,
  }));

const RESNET = [
  ['56x56x64', 4, 56, 64],
  ['28x28x128', 4, 28, 128],
  ['14x14x256', 4, 14, 256],
  ['7x7x512', 4, 7, 512],
];

export const kernelCases = [
  ...[512, 1024].map((n) => ({ op: 'matmul', shape: `${n}`, kind: 'matmul', n })),
  ...[1, 4].flatMap((groups) => RESNET.flatMap(([name, n, h, c]) => conv(name, n, h, c, 3, 1, 1, groups))),
  ...conv('224x224x3 to 64, stride 2', 4, 224, 3, 7, 2, 3, 1, 64).filter(
    (c) => c.direction !== 'data gradient',
  ),
  ...conv('56x56 64 to 128', 4, 56, 64, 1, 1, 0, 1, 128),
  ...conv('28x28x256', 4, 28, 256, 1, 1, 0),
  ...conv('14x14x512', 4, 14, 512, 1, 1, 0),
  ...conv('7x7x1024', 4, 7, 1024, 1, 1, 0),
  ...[1, 2].map((stride) => ({
    op: 'depthwise 3x3 forward',
    shape: `56x56x128, stride ${stride}`,
    kind: 'depthwise',
    n: 4,
    h: 56,
    ci: 128,
    co: 128,
    k: 3,
    stride,
    pad: 1,
  })),
  { op: 'batch norm train', shape: '4x56x56x256', kind: 'norm', n: 4, h: 56, c: 256 },
  { op: 'batch norm forward and backward', shape: '4x56x56x256', kind: 'norm gradient', n: 4, h: 56, c: 256 },
  { op: 'Adam', shape: '20M parameters', kind: 'adam', size: 20_000_000 },
];

export const stepCases = [
  { model: 'mobilenet', batch: 8, size: 64, libs: 2 },
  { model: 'resnet34', batch: 4, size: 64, libs: 2 },
];

/** Repeatable numbers in [-1, 1). */
export function values(size, seed) {
  const out = new Float32Array(size);
  let state = (seed * 0x9e3779b9) | 1;
  for (let i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = state / 2 ** 31;
  }
  return out;
}

export const outSide = ({ h, k, stride, pad }) => Math.floor((h + 2 * pad - k) / stride) + 1;

/** Elements of a convolution's images and weights. */
function sizesOf(c) {
  const groups = c.groups ?? 1;
  const o = outSide(c);
  return {
    x: c.n * c.h * c.h * c.ci * groups,
    w: (c.kind === 'depthwise' ? 1 : groups * c.co) * c.k * c.k * c.ci,
    dy: c.n * o * o * c.co * groups,
  };
}

/** Inputs of a case in Clew's layout: NHWC images, [group, kh, kw, in, out] weights. */
export function inputsOf(c) {
  if (c.kind === 'matmul') return { a: values(c.n * c.n, 1), b: values(c.n * c.n, 2) };
  if (c.kind === 'adam')
    return {
      p: values(c.size, 1),
      g: values(c.size, 2),
      m: new Float32Array(c.size),
      v: new Float32Array(c.size),
    };
  if (c.kind.startsWith('norm')) {
    const size = c.n * c.h * c.h * c.c;
    return { x: values(size, 1), weight: values(c.c, 2), bias: values(c.c, 3), dy: values(size, 4) };
  }
  const { x, w, dy } = sizesOf(c);
  return { x: values(x, 1), w: values(w, 2), dy: values(dy, 3) };
}

/** Floating-point operations. */
export function flopsOf(c) {
  if (c.kind === 'matmul') return 2 * c.n ** 3;
  if (c.kind === 'adam') return 16 * c.size;
  if (c.kind === 'norm') return 8 * c.n * c.h * c.h * c.c;
  if (c.kind === 'norm gradient') return 20 * c.n * c.h * c.h * c.c;
  const macs = c.n * outSide(c) ** 2 * c.k * c.k * c.co;
  return 2 * macs * (c.kind === 'depthwise' ? 1 : c.ci * c.groups);
}

/** Bytes moved if each tensor is moved once. */
export function bytesOf(c) {
  if (c.kind === 'matmul') return 12 * c.n ** 2;
  if (c.kind === 'adam') return 28 * c.size;
  if (c.kind.startsWith('norm')) return (c.kind === 'norm' ? 3 : 8) * 4 * c.n * c.h * c.h * c.c;
  const { x, w, dy } = sizesOf(c);
  return 4 * (x + w + dy);
}

const PROBES = 24;

/** Some elements of the result in float64: pairs of index and value. */
export function expected(c, inputs) {
  const size = c.kind === 'matmul' ? c.n ** 2 : c.kind === 'adam' ? c.size : resultSize(c);
  return Array.from({ length: PROBES }, (_, i) => Math.floor(((i + 0.37) * size) / PROBES)).map((at) => [
    at,
    element(c, inputs, at),
  ]);
}

function resultSize(c) {
  if (c.kind.startsWith('norm')) return c.n * c.h * c.h * c.c;
  const { x, w, dy } = sizesOf(c);
  return { forward: dy, 'data gradient': x, 'weight gradient': w }[c.direction ?? 'forward'];
}

function element(c, inputs, at) {
  if (c.kind === 'matmul') {
    const [row, column] = [Math.floor(at / c.n), at % c.n];
    let sum = 0;
    for (let k = 0; k < c.n; k++) sum += inputs.a[row * c.n + k] * inputs.b[k * c.n + column];
    return sum;
  }
  if (c.kind === 'adam') return inputs.p[at] - (1e-3 * inputs.g[at]) / (Math.abs(inputs.g[at]) + 1e-8); // m/v at step 1
  if (c.kind.startsWith('norm')) return normElement(c, inputs, at);
  if (c.kind === 'depthwise') return depthwiseElement(c, inputs, at);
  return convElement(c, inputs, at);
}

function normElement(c, { x, weight, bias, dy }, at) {
  const channel = at % c.c;
  const rows = x.length / c.c;
  let [mean, variance, sum, product] = [0, 0, 0, 0];
  for (let r = 0; r < rows; r++) mean += x[r * c.c + channel] / rows;
  for (let r = 0; r < rows; r++) variance += (x[r * c.c + channel] - mean) ** 2 / rows;
  const rstd = 1 / Math.sqrt(variance + 1e-5);
  const normal = (i) => (x[i] - mean) * rstd;
  if (c.kind === 'norm') return normal(at) * weight[channel] + bias[channel];
  for (let r = 0; r < rows; r++) {
    const i = r * c.c + channel;
    sum += dy[i] / rows;
    product += (dy[i] * normal(i)) / rows;
  }
  return weight[channel] * rstd * (dy[at] - sum - normal(at) * product);
}

function depthwiseElement(c, { x, w }, at) {
  const o = outSide(c);
  const channel = at % c.ci;
  const [b, oh, ow] = [
    Math.floor(at / (c.ci * o * o)),
    Math.floor(at / (c.ci * o)) % o,
    Math.floor(at / c.ci) % o,
  ];
  let sum = 0;
  for (let i = 0; i < c.k; i++)
    for (let j = 0; j < c.k; j++) {
      const [ih, iw] = [oh * c.stride + i - c.pad, ow * c.stride + j - c.pad];
      if (ih < 0 || iw < 0 || ih >= c.h || iw >= c.h) continue;
      sum += x[((b * c.h + ih) * c.h + iw) * c.ci + channel] * w[(i * c.k + j) * c.ci + channel];
    }
  return sum;
}

/** One element of y, dx or dw: the sum over all products of the convolution that touch it. */
function convElement(c, { x, w, dy }, at) {
  const o = outSide(c);
  const { n, h, ci, co, k, stride, pad, groups } = c;
  const xAt = (b, ih, iw, g, i) => ((b * h + ih) * h + iw) * ci * groups + g * ci + i;
  const yAt = (b, oh, ow, g, u) => ((b * o + oh) * o + ow) * co * groups + g * co + u;
  const wAt = (g, i, j, from, to) => (((g * k + i) * k + j) * ci + from) * co + to;
  const inside = (at) => at >= 0 && at < h;
  let sum = 0;
  if (c.direction === 'weight gradient') {
    const [to, from] = [at % co, Math.floor(at / co) % ci];
    const [j, i, g] = [
      Math.floor(at / (co * ci)) % k,
      Math.floor(at / (co * ci * k)) % k,
      Math.floor(at / (co * ci * k * k)),
    ];
    for (let b = 0; b < n; b++)
      for (let oh = 0; oh < o; oh++)
        for (let ow = 0; ow < o; ow++) {
          const [ih, iw] = [oh * stride + i - pad, ow * stride + j - pad];
          if (inside(ih) && inside(iw)) sum += x[xAt(b, ih, iw, g, from)] * dy[yAt(b, oh, ow, g, to)];
        }
    return sum;
  }
  const forward = c.direction === 'forward';
  const [channels, side] = forward ? [co * groups, o] : [ci * groups, h];
  const own = forward ? co : ci;
  const [g, mine] = [Math.floor((at % channels) / own), at % own];
  const pixel = Math.floor(at / channels);
  const [b, row, column] = [Math.floor(pixel / (side * side)), Math.floor(pixel / side) % side, pixel % side];
  for (let i = 0; i < k; i++)
    for (let j = 0; j < k; j++)
      if (forward) {
        const [ih, iw] = [row * stride + i - pad, column * stride + j - pad];
        if (inside(ih) && inside(iw))
          for (let from = 0; from < ci; from++)
            sum += x[xAt(b, ih, iw, g, from)] * w[wAt(g, i, j, from, mine)];
      } else {
        const [oh, ow] = [(row + pad - i) / stride, (column + pad - j) / stride];
        if (Number.isInteger(oh) && Number.isInteger(ow) && oh >= 0 && ow >= 0 && oh < o && ow < o)
          for (let to = 0; to < co; to++) sum += dy[yAt(b, oh, ow, g, to)] * w[wAt(g, i, j, mine, to)];
      }
  return sum;
}
