// LIB networks and losses as a user of a peer would write them: one backbone after another. `o` holds the peer's operations; every
// tensor is used once, `o.share` says where it is used again (a reference count in jax-js, nothing in TensorFlow.js).

/** Logits z, f and l_i of METHOD 2, without dropout. `next(shape)` hands out the parameters, always in the same order. */
export function libNet(o, images, { model, libs }, next) {
  const features = [];
  for (let i = 0; i < libs; i++) {
    const x = i < libs - 1 ? o.share(images) : images;
    features.push(model === 'mobilenet' ? mobilenet(o, x, next) : resnet34(o, x, next));
  }
  const d = model === 'mobilenet' ? 1024 : 512;
  const dense = (x, from, to) => o.linear(x, next([from, to], from), next([to], from));
  const l = features.map((_, i) => {
    const others = features.filter((__, j) => j !== i).map((z) => o.share(z));
    return dense(others.length > 1 ? o.concat(others) : others[0], (libs - 1) * d, 2);
  });
  const Z = o.concat(features);
  const f = dense(o.share(Z), libs * d, 2);
  let g = o.relu(norm1d(o, dense(Z, libs * d, 1000), 1000, next));
  g = o.relu(norm1d(o, dense(g, 1000, 500), 500, next));
  return { z: dense(dense(g, 500, d), d, 2), f, l };
}

const norm1d = (o, x, c, next) => o.norm1d(x, next([c], 0, 1), next([c], 0, 0));

function resnet34(o, images, next) {
  const norm = (x, c) => o.norm(x, next([c], 0, 1), next([c], 0, 0));
  const conv = (x, from, to, k, stride) =>
    norm(o.conv(x, next([k, k, from, to], from * k * k), stride, (k - 1) / 2), to);
  let x = o.maxPool(o.relu(conv(images, 3, 64, 7, 2)));
  let from = 64;
  for (const [to, count] of [
    [64, 3],
    [128, 4],
    [256, 6],
    [512, 3],
  ])
    for (let i = 0; i < count; i++) {
      const stride = i === 0 && to > 64 ? 2 : 1;
      const y = conv(o.relu(conv(o.share(x), from, to, 3, stride)), to, to, 3, 1);
      x = o.relu(o.add(y, from === to ? x : conv(x, from, to, 1, stride)));
      from = to;
    }
  return o.pool(x);
}

function mobilenet(o, images, next) {
  const norm = (x, c) => o.relu(o.norm(x, next([c], 0, 1), next([c], 0, 0)));
  let x = norm(o.conv(images, next([3, 3, 3, 32], 27), 2, 1), 32);
  let from = 32;
  for (const [to, stride] of [
    [64, 1],
    [128, 2],
    [128, 1],
    [256, 2],
    [256, 1],
    [512, 2],
    ...new Array(5).fill([512, 1]),
    [1024, 2],
    [1024, 1],
  ]) {
    x = norm(o.depthwise(x, next([3, 3, from], 9), stride, 1), from);
    x = norm(o.conv(x, next([1, 1, from, to], from), 1, 0), to);
    from = to;
  }
  return o.pool(x);
}

/** METHOD 3: ce, gil (kl) and lil under the learned balance w [3]; labels are one-hot. */
export function totalLoss(o, { z, f, l }, labels, w, T = 1.5) {
  const ce = (logits) => o.neg(o.mean(o.sumRows(o.mul(o.share(labels), o.logSoftmax(logits)))));
  const logP = (logits) => o.logSoftmax(o.scale(logits, 1 / T));
  const teacher = logP(o.stop(o.share(f)));
  const distance = (logits) => {
    const q = logP(logits);
    return o.mean(o.mul(o.exp(o.share(q)), o.sub(q, o.share(teacher))));
  };
  let sum = distance(o.share(l[0]));
  for (const li of l.slice(1)) sum = o.add(sum, distance(o.share(li)));
  const lil = o.exp(o.neg(sum));
  const gil = distance(o.share(z));
  let cross = o.add(ce(z), ce(f));
  for (const li of l) cross = o.add(cross, ce(li));
  o.done(teacher, labels);
  const terms = o.stack([cross, gil, lil]);
  const square = o.mul(o.share(w), w);
  return o.add(o.sum(o.div(o.scale(terms, 0.5), o.share(square))), o.sum(o.log(o.plus(square, 1))));
}
