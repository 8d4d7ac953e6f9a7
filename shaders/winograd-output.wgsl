// Winograd's transform of the products: y = A^T m A, a 4x4 tile of the result. One thread a tile and four channels.
#include "lib/grid"
#include "lib/texel"
#include "lib/winograd"
#if TEXTURE
@group(0) @binding(1) var products: texture_storage_2d<rgba32float, read>;
fn productAt(i: u32) -> vec4f { return textureLoad(products, texel(i)); }
#else
@group(0) @binding(1) var<storage, read> products: array<vec4f>;
fn productAt(i: u32) -> vec4f { return products[i]; }
#endif
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let quads = p.co / 4u;
  let channels = p.groups * quads;
  let across = (p.outWidth + 3u) / 4u;
  let down = (p.outHeight + 3u) / 4u;
  let item = flat(workgroup, grid) * 64u + lane;
  let c = item % channels;
  let tile = item / channels;
  let b = tile / (across * down);
  if (b >= p.batch) { return; }
  let place = (tile * p.groups + c / quads) * 36u * quads + c % quads;
#unroll i 6
#unroll j 6
  let m$i_$j = productAt(place + ($iu * 6u + $ju) * quads);
#end
#end
#unroll j 6
  let v$j = results(Six(m0_$j, m1_$j, m2_$j, m3_$j, m4_$j, m5_$j));
#end
  let row = tile / across % down * 4u;
  let column = tile % across * 4u;
#unroll i 4
  let r$i = results(Six(v0[$i], v1[$i], v2[$i], v3[$i], v4[$i], v5[$i]));
  if (row + $iu < p.outHeight) {
    let line$i = ((b * p.outHeight + row + $iu) * p.outWidth + column) * channels + c;
#unroll j 4
    if (column + $ju < p.outWidth) {
#if ACCUMULATE
      y[line$i + $ju * channels] += r$i[$j];
#else
      y[line$i + $ju * channels] = r$i[$j];
#endif
    }
#end
  }
#end
}
