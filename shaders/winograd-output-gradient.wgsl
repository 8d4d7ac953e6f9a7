// The gradient of Winograd's transform of the products: spread[tile, group, 36, co] = A dy A^T of each 4x4 tile.
#include "lib/grid"
#include "lib/winograd"
#include "lib/winograd-tile"
#include "lib/source"
@group(0) @binding(2) var<storage, read_write> spread: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let quads = p.co / 4u;
  let tile = tileOf(flat(workgroup, grid) * 64u + lane, quads);
  if (!tile.live) { return; }
#unroll i 4
  let y$i = tile.row + $iu;
  let line$i = (tile.b * p.outHeight + min(y$i, p.outHeight - 1u)) * p.outWidth;
#unroll j 4
  let x$i_$j = tile.column + $ju;
  let r$i_$j = sourceAt((line$i + min(x$i_$j, p.outWidth - 1u)) * tile.channels + tile.c)
    * select(0.0, 1.0, y$i < p.outHeight && x$i_$j < p.outWidth);
#end
#end
#unroll j 4
  let v$j = resultsGradient(array<vec4f, 4>(r0_$j, r1_$j, r2_$j, r3_$j));
#end
#unroll i 6
  let m$i = resultsGradient(array<vec4f, 4>(v0[$i], v1[$i], v2[$i], v3[$i]));
#unroll j 6
  spread[tile.place + ($iu * 6u + $ju) * quads] = m$i[$j];
#end
#end
}
