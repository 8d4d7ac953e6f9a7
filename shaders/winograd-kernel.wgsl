// Winograd's transform of the weights: kernels[group, 36, ci, co] = G g G^T. One thread a pair of ci and four co. FLIP: of the kernel
// turned round, with which dy is convolved to give dx.
#include "lib/grid"
#include "lib/winograd"
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> kernels: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let pairs = p.ci * (p.co / 4u);
  let item = flat(workgroup, grid) * 64u + lane;
  let g = item / pairs;
  if (g >= p.groups) { return; }
  let at = item % pairs;
#unroll i 3
#unroll j 3
#if FLIP
  let g$i_$j = w[(g * 9u + (2u - $iu) * 3u + 2u - $ju) * pairs + at];
#else
  let g$i_$j = w[(g * 9u + $iu * 3u + $ju) * pairs + at];
#endif
#end
#end
#unroll j 3
  let v$j = kernelValues(array<vec4f, 3>(g0_$j, g1_$j, g2_$j));
#end
#unroll i 6
  let u$i = kernelValues(array<vec4f, 3>(v0[$i], v1[$i], v2[$i]));
#unroll j 6
  kernels[(g * 36u + $iu * 6u + $ju) * pairs + at] = u$i[$j];
#end
#end
}
