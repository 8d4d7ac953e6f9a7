// The gradient of Winograd's transform of the weights: dw = G^T u G of u[group, 36, ci, co]. One thread a pair of ci and four co.
#include "lib/grid"
#include "lib/winograd"
#include "lib/source"
@group(0) @binding(2) var<storage, read_write> dw: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let pairs = p.ci * (p.co / 4u);
  let item = flat(workgroup, grid) * 64u + lane;
  let g = item / pairs;
  if (g >= p.groups) { return; }
  let at = item % pairs;
#unroll i 6
#unroll j 6
  let u$i_$j = sourceAt((g * 36u + $iu * 6u + $ju) * pairs + at);
#end
#end
#unroll j 6
  let v$j = kernelValuesGradient(Six(u0_$j, u1_$j, u2_$j, u3_$j, u4_$j, u5_$j));
#end
#unroll i 3
  let w$i = kernelValuesGradient(Six(v0[$i], v1[$i], v2[$i], v3[$i], v4[$i], v5[$i]));
#unroll j 3
#if ACCUMULATE
  dw[(g * 9u + $iu * 3u + $ju) * pairs + at] += w$i[$j];
#else
  dw[(g * 9u + $iu * 3u + $ju) * pairs + at] = w$i[$j];
#endif
#end
#end
}
