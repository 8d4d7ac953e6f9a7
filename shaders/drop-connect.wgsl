// y = x / (1 - rate) or 0, decided per sample and group of channels. A thread serves one column of V in eight pixels of a sample.
#include "lib/vector"
#include "lib/random"

struct Params { pixels: u32, columns: u32, group_columns: u32, groups: u32, key: u32, threshold: u32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> clock: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<V>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let thread = workgroup.x * 256u + lane;
  let column = thread % params.columns;
  let pixel = thread / params.columns * 8u;
  if (pixel >= params.pixels) { return; }
  let key = keyOf(clock[0], clock[1], clock[2], params.key);
  let counter = (rows[0] + workgroup.y) * params.groups + column / params.group_columns;
  let scale = select(0.0, params.scale, draw(key, counter) >= params.threshold);
  let first = (workgroup.y * params.pixels + pixel) * params.columns + column;
#unroll j 8
  if (pixel + $ju < params.pixels) {
    let at = first + $ju * params.columns;
    y[at] = x[at] * scale;
  }
#end
}
