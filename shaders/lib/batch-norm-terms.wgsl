// What an element adds to the two sums of a batch norm's gradient: g and g * xhat, g the gradient before the activation and
// xhat = (x - mean) * rstd. With RESIDUAL the activation came after one: its sign is read from y, and g is also the residual's gradient.
// After lib/activation; the including file binds x, dy, and with RESIDUAL y and dresidual.
#if RELU || SWISH
struct Channel { mean: V, rstd: V, weight: V, bias: V }
#else
struct Channel { mean: V, rstd: V }
#endif

fn terms(at: u32, c: Channel) -> Pair {
  let centred = x[at] - c.mean;
#if RESIDUAL
  let g = select(V(0.0), dy[at], y[at] > V(0.0));
  dresidual[at] = g;
#elif RELU || SWISH
  let g = dy[at] * slope(centred * (c.rstd * c.weight) + c.bias); // rounded as the forward pass rounds: no sign differs
#else
  let g = dy[at];
#endif
  return Pair(g, g * (centred * c.rstd));
}
