// Weights [groups, depth, columns] with the columns of each tile of LANES quads side by side: [groups, tiles, depth, LANES] quads. A
// tile's weights then lie in one piece, where they had been strewn over as many pages as there are rows. One thread a quad of y.
#include "lib/grid"

struct Params { groups: u32, depth: u32, quads: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let i = flat(workgroup, grid) * 64u + lane;
  let tiles = (p.quads + LANES - 1u) / LANES;
  let k = i / LANES % p.depth;
  let tile = i / (LANES * p.depth) % tiles;
  let g = i / (LANES * p.depth * tiles);
  if (g >= p.groups) { return; }
  y[i] = x[(g * p.depth + k) * p.quads + min(tile * LANES + i % LANES, p.quads - 1u)];
}
