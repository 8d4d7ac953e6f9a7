// Winograd's transform of the products: y = A^T m A, a 4x4 tile of the result.
#include "lib/grid"
#include "lib/winograd"
#include "lib/winograd-tile"
#include "lib/source"
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let quads = p.co / 4u;
  let tile = tileOf(flat(workgroup, grid) * 64u + lane, quads);
  if (!tile.live) { return; }
#unroll i 6
#unroll j 6
  let m$i_$j = sourceAt(tile.place + ($iu * 6u + $ju) * quads);
#end
#end
#unroll j 6
  let v$j = results(Six(m0_$j, m1_$j, m2_$j, m3_$j, m4_$j, m5_$j));
#end
#unroll i 4
  let r$i = results(Six(v0[$i], v1[$i], v2[$i], v3[$i], v4[$i], v5[$i]));
  if (tile.row + $iu < p.outHeight) {
    let line$i = ((tile.b * p.outHeight + tile.row + $iu) * p.outWidth + tile.column) * tile.channels + tile.c;
#unroll j 4
    if (tile.column + $ju < p.outWidth) {
#if ACCUMULATE
      y[line$i + $ju * tile.channels] += r$i[$j];
#else
      y[line$i + $ju * tile.channels] = r$i[$j];
#endif
    }
#end
  }
#end
}
