// Per chunk of rows and channel: the sums of g and g * xhat, g the gradient before the activation, xhat = (x - mean) * rstd.
#include "lib/grid"
#include "lib/vector"
#include "lib/activation"

struct Params { rows: u32, columns: u32, chunk: u32, chunks: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read> batch_mean: array<V>;
@group(0) @binding(4) var<storage, read> batch_rstd: array<V>;
@group(0) @binding(5) var<storage, read_write> sums: array<V>;
#if RESIDUAL
// The activation came after a residual: its sign is read from y, and g is also the gradient of the residual.
@group(0) @binding(6) var<storage, read> y: array<V>;
@group(0) @binding(7) var<storage, read_write> dresidual: array<V>;
struct Channel { mean: V, rstd: V }
#elif RELU || SWISH
@group(0) @binding(6) var<storage, read> weight: array<V>;
@group(0) @binding(7) var<storage, read> bias: array<V>;
struct Channel { mean: V, rstd: V, weight: V, bias: V }
#else
struct Channel { mean: V, rstd: V }
#endif

fn channel(column: u32, row: u32) -> Channel {
#if RESIDUAL
  return Channel(batch_mean[column], batch_rstd[column]);
#elif RELU || SWISH
  return Channel(batch_mean[column], batch_rstd[column], weight[column], bias[column]);
#else
  return Channel(batch_mean[column], batch_rstd[column]);
#endif
}

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
#include "lib/column-sums"
