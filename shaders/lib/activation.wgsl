// Activations and their slopes, elementwise; the exponent is clamped so that no infinity arises. After lib/vector.
fn sigmoid(x: V) -> V { return 1.0 / (1.0 + exp(min(-x, V(80.0)))); }

fn activation(x: V) -> V {
#if RELU
  return max(x, V(0.0));
#elif SWISH
  return x * sigmoid(x);
#else
  return x;
#endif
}

fn slope(x: V) -> V {
#if RELU
  return select(V(0.0), V(1.0), x > V(0.0));
#elif SWISH
  let s = sigmoid(x);
  return s * (1.0 + x * (1.0 - s));
#else
  return V(1.0);
#endif
}
