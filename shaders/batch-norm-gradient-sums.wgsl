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
@group(0) @binding(6) var<storage, read> y: array<V>;
@group(0) @binding(7) var<storage, read_write> dresidual: array<V>;
#elif RELU || SWISH
@group(0) @binding(6) var<storage, read> weight: array<V>;
@group(0) @binding(7) var<storage, read> bias: array<V>;
#endif

#include "lib/batch-norm-terms"

fn channel(column: u32, row: u32) -> Channel {
#if RESIDUAL
  return Channel(batch_mean[column], batch_rstd[column]);
#elif RELU || SWISH
  return Channel(batch_mean[column], batch_rstd[column], weight[column], bias[column]);
#else
  return Channel(batch_mean[column], batch_rstd[column]);
#endif
}

#include "lib/column-sums"
