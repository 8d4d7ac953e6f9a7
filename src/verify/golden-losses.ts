import { backward } from '../engine/autograd.js';
import type { Runtime } from '../engine/runtime.js';
import { Graph, type Tensor } from '../engine/tensor.js';
import { sinkhorn } from '../kernels/sinkhorn.js';
import { balance, type LossConfig, lossTerms } from '../train/losses.js';
import { largest, largestDifference, relative, row, type VerifyRow } from './rows.js';

/** One entry of losses.json. */
export interface GoldenLoss {
  readonly name: string;
  readonly B: number;
  readonly n: number;
  readonly temperature: number;
  readonly mi: 'kl' | 'w' | 'wp';
  readonly y: readonly number[];
  readonly z: readonly number[][];
  readonly f: readonly number[][];
  readonly locals: readonly number[][][];
  readonly ce: number;
  readonly gil: number;
  readonly lil: number;
  readonly auto: number;
  readonly hyper: number;
  readonly grad_z: readonly number[][];
  readonly grad_f: readonly number[][];
  readonly grad_locals: readonly number[][][];
  readonly grad_awl: readonly number[];
}

/** The three terms, both balances, and the gradients of the automatic total. */
export async function verifyLoss(parent: Runtime, file: string, golden: GoldenLoss): Promise<VerifyRow[]> {
  const runtime = parent.sibling();
  const graph = new Graph();
  const logits = (name: string): Tensor => withGradient(graph, name, [golden.B, 2]);
  const heads = { z: logits('z'), f: logits('f'), l: golden.locals.map((_, i) => logits(`l${i}`)) };
  const w = withGradient(graph, 'w', [3]);
  const loss: LossConfig = {
    gil: true,
    lil: true,
    calculator: golden.mi,
    temperature: golden.temperature,
    method: 'auto',
    scales: [1, 2, 10],
  };
  const mix = {
    permutation: graph.buffer('permutation', [golden.B], 'u32'),
    lambda: graph.buffer('lambda', [1]),
  };
  const terms = lossTerms(heads, graph.buffer('labels', [golden.B], 'u32'), mix, loss);
  const auto = balance(terms, loss, w);
  const hyper = balance(terms, { ...loss, method: 'hyper' });
  backward(auto);
  const values = { ce: terms.ce, gil: terms.gil!, lil: terms.lil!, auto, hyper };
  const [program] = await runtime.compile([{ name: golden.name, graph, retain: Object.values(values) }]);
  runtime.write('z', Float32Array.from(golden.z.flat()));
  runtime.write('f', Float32Array.from(golden.f.flat()));
  golden.locals.forEach((l, i) => {
    runtime.write(`l${i}`, Float32Array.from(l.flat()));
  });
  runtime.write('w', Float32Array.of(1, 1, 1));
  runtime.write('labels', Uint32Array.from(golden.y));
  runtime.write('lambda', Float32Array.of(1));
  runtime.submit([{ run: program! }]);
  const tolerance = golden.mi === 'kl' ? 1e-5 : 1e-4;
  const rows: VerifyRow[] = [];
  for (const [key, tensor] of Object.entries(values)) {
    const [value] = await program!.inspect(tensor);
    rows.push(row(file, golden.name, key, relative(value!, golden[key as keyof typeof values]), tolerance));
  }
  const wanted = { z: golden.grad_z.flat(), f: golden.grad_f.flat(), w: golden.grad_awl };
  const locals = Object.fromEntries(golden.grad_locals.map((l, i) => [`l${i}`, l.flat()]));
  for (const [name, want] of Object.entries({ ...wanted, ...locals })) {
    const got = await runtime.read(`d${name}`, 0, want.length);
    rows.push(
      row(file, golden.name, `gradient of ${name}`, largestDifference(got, want) / largest(want), tolerance),
    );
  }
  runtime.release();
  return rows;
}

/** One entry of sinkhorn.json. */
export interface GoldenSinkhorn {
  readonly name: string;
  readonly B: number;
  readonly D: number;
  readonly x: readonly number[][];
  readonly y: readonly number[][];
  readonly cost: number;
  readonly grad_x: readonly number[][];
  readonly grad_y: readonly number[][];
  readonly eps: number;
  readonly max_iter: number;
  readonly threshold: number;
}

export async function verifySinkhorn(
  parent: Runtime,
  file: string,
  golden: GoldenSinkhorn,
): Promise<VerifyRow[]> {
  const runtime = parent.sibling();
  const graph = new Graph();
  const [x, y] = [
    withGradient(graph, 'x', [golden.B, golden.D]),
    withGradient(graph, 'y', [golden.B, golden.D]),
  ];
  const { eps: epsilon, max_iter: iterations, threshold } = golden;
  const cost = sinkhorn(x, y, { epsilon, iterations, threshold });
  backward(cost);
  const [program] = await runtime.compile([{ name: golden.name, graph, retain: [cost] }]);
  runtime.write('x', Float32Array.from(golden.x.flat()));
  runtime.write('y', Float32Array.from(golden.y.flat()));
  runtime.submit([{ run: program! }]);
  const [value] = await program!.inspect(cost);
  const rows = [row(file, golden.name, 'cost', relative(value!, golden.cost), 1e-5)];
  for (const [name, want] of [
    ['x', golden.grad_x.flat()],
    ['y', golden.grad_y.flat()],
  ] as const) {
    const got = await runtime.read(`d${name}`, 0, want.length);
    rows.push(
      row(file, golden.name, `gradient of ${name}`, largestDifference(got, want) / largest(want), 1e-3),
    );
  }
  runtime.release();
  return rows;
}

/** A buffer `name` whose gradient goes to the buffer `d{name}`. */
function withGradient(graph: Graph, name: string, shape: readonly number[]): Tensor {
  const tensor = graph.buffer(name, shape);
  tensor.gradient = graph.buffer(`d${name}`, shape);
  return tensor;
}
