// dx[r, g, k] = sum over n of dy[r, g, n] * w[g, k, n], and 0 in the hole; one thread an input.
#include "lib/grid"
#include "lib/linear"
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let at = flat(workgroup, grid) * 64u + lane;
  let columns = p.groups * p.k + p.holeLength;
  if (at >= p.rows * columns) { return; }
  let column = at % columns;
  let hole = column >= p.holeStart && column < p.holeStart + p.holeLength;
  let kept = column - select(0u, p.holeLength, column >= p.holeStart + p.holeLength);
  let g = kept / p.k;
  let source = (at / columns * p.groups + g) * p.n;
  let weights = kept * p.n;
  var sum = 0.0;
  if (!hole) {
    for (var n = 0u; n < p.n; n++) { sum += dy[source + n] * w[weights + n]; }
  }
#if ACCUMULATE
  dx[at] += sum;
#else
  dx[at] = sum;
#endif
}
