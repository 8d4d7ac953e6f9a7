// A conv net of one's own learns to tell horizontal from vertical stripes.
import * as clew from 'clew/engine';
import { openRuntime } from 'clew/node';

const [B, S, pad] = [64, 12, [1, 1, 1, 1]];
const graph = new clew.Graph();
const learner = new clew.Learner(graph, { kernel: [1, 3, 3, 1, 8], weight: [1, 8, 2], bias: [2] });
const { kernel, weight, bias } = learner.parameters;
const features = clew.relu(clew.conv2d(graph.buffer('x', [B, S, S, 1]), kernel, { stride: 1, pad }));
const logits = clew.linear(clew.globalAveragePool(features), weight, bias);
const loss = clew.softmaxCrossEntropy(logits, graph.buffer('y', [B], 'u32'));
clew.backward(loss);
learner.adam();

const { runtime } = await openRuntime();
const [step] = await runtime.compile([{ name: 'step', graph, retain: [loss] }]);
learner.start(runtime, (_, fanIn, i) => Math.sin(37 * i) / Math.sqrt(fanIn));
for (let t = 1; t <= 150; t++) {
  const y = Uint32Array.from({ length: B }, (_, i) => (i * 7 + t) % 2);
  const stripe = (n, row, column) => Math.sin(1.5 * (y[n] ? row : column) + n * t);
  const pixel = (_, i) => stripe(Math.floor(i / (S * S)), Math.floor(i / S) % S, i % S);
  runtime.write('x', Float32Array.from({ length: B * S * S }, pixel));
  runtime.write('y', y);
  learner.rate(runtime, 0.02);
  runtime.submit([{ run: step }]);
  if (t % 50 === 0) console.log(`step ${t}  loss ${(await step.inspect(loss))[0].toFixed(4)}`);
}
await runtime.close();
