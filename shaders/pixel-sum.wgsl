// y[b, c] = scale * the sum over the pixels of x[b, pixel, c], or of x * factor. A workgroup is `lanes` columns wide and 256 / lanes
// pixels high, and folds its pixels in workgroup memory. SERIAL: a thread a column, without barriers, which CPU adapters pay dearly.
#include "lib/vector"

struct Params { pixels: u32, columns: u32, lanes: u32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;
#if PRODUCT
@group(0) @binding(3) var<storage, read> factor: array<V>;
fn term(at: u32) -> V { return x[at] * factor[at]; }
#else
fn term(at: u32) -> V { return x[at]; }
#endif

fn sumFrom(image: u32, column: u32, start: u32, high: u32) -> V {
  var sum = V(0.0);
  var pixel = start;
  for (; pixel + 3u * high < params.pixels; pixel += 4u * high) {
    let at = (image + pixel) * params.columns + column;
    let step = high * params.columns;
    sum += (term(at) + term(at + step)) + (term(at + 2u * step) + term(at + 3u * step));
  }
  for (; pixel < params.pixels; pixel += high) { sum += term((image + pixel) * params.columns + column); }
  return sum;
}

#if SERIAL
@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.columns) { y[id.y * params.columns + id.x] = sumFrom(id.y * params.pixels, id.x, 0u, 1u) * params.scale; }
}
#else
var<workgroup> tile: array<V, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = workgroup.x * params.lanes + lane % params.lanes;
  tile[lane] = V(0.0);
  if (column < params.columns) {
    tile[lane] = sumFrom(workgroup.y * params.pixels, column, lane / params.lanes, 256u / params.lanes);
  }
  for (var half = 128u; half >= params.lanes; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { tile[lane] += tile[lane + half]; }
  }
  if (lane < params.lanes && column < params.columns) {
    y[workgroup.y * params.columns + column] = tile[lane] * params.scale;
  }
}
#endif
