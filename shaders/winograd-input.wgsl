// Winograd's transform of the input: tiles[tile, group, 36, ci] = B^T d B of the 6x6 pixels around each 4x4 tile of the result.
#include "lib/grid"
#include "lib/winograd"
#include "lib/winograd-tile"
#include "lib/source"
@group(0) @binding(2) var<storage, read_write> tiles: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let quads = p.ci / 4u;
  let tile = tileOf(flat(workgroup, grid) * 64u + lane, quads);
  if (!tile.live) { return; }
  let row = i32(tile.row) - p.top;
  let column = i32(tile.column) - p.left;
#unroll j 6
  let x$j = column + $j;
  let inside$j = x$j >= 0 && x$j < i32(p.width);
#end
#unroll i 6
  let y$i = row + $i;
  let live$i = y$i >= 0 && y$i < i32(p.height);
  let line$i = (tile.b * p.height + u32(select(0, y$i, live$i))) * p.width;
#unroll j 6
  let d$i_$j = sourceAt((line$i + u32(select(0, x$j, inside$j))) * tile.channels + tile.c) * select(0.0, 1.0, live$i && inside$j);
#end
#end
#unroll j 6
  let v$j = inputValues(Six(d0_$j, d1_$j, d2_$j, d3_$j, d4_$j, d5_$j));
#end
#unroll i 6
  let w$i = inputValues(Six(v0[$i], v1[$i], v2[$i], v3[$i], v4[$i], v5[$i]));
#unroll j 6
  tiles[tile.place + ($iu * 6u + $ju) * quads] = w$i[$j];
#end
#end
}
