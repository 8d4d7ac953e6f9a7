// Weights [groups, depth, columns] with the columns of each tile of LANES quads side by side: [groups, tiles, depth, LANES] quads. A
// tile's weights then lie in one piece, where they had been strewn over as many pages as there are rows. A thread moves eight quads.
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
  let bands = (p.depth + 7u) / 8u;
  let k = i / LANES % bands * 8u;
  let tile = i / (LANES * bands) % tiles;
  let g = i / (LANES * bands * tiles);
  if (g >= p.groups) { return; }
  let source = (g * p.depth + k) * p.quads + min(tile * LANES + i % LANES, p.quads - 1u);
  let place = ((g * tiles + tile) * p.depth + k) * LANES + i % LANES;
#unroll n 8
  if (k + $nu < p.depth) { y[place + $nu * LANES] = x[source + $nu * p.quads]; }
#end
}
