// Weight gradient of a convolution for GPUs: a tiled matrix product over pixels. Rows are weights' (i, j, ci), columns co; several
// workgroups share one tile's pixels (splits), to be added up by another pass.
#include "lib/conv"
#include "lib/tile"
@group(0) @binding(3) var<storage, read_write> result: array<f32>;

var<private> group: u32;

fn rowIndex(row: u32, k: u32) -> u32 {
  let p = params;
  let b = k / (p.outHeight * p.outWidth);
  let tap = row / p.ci;
  if (b >= p.batch || tap >= p.kh * p.kw) { return NONE; }
  let at = vec2u(k / p.outWidth % p.outHeight, k % p.outWidth) * p.stride + vec2u(tap / p.kw, tap % p.kw) - vec2u(p.top, p.left);
  if (any(at >= vec2u(p.height, p.width))) { return NONE; } // above 0 it has wrapped
  return ((b * p.height + at.x) * p.width + at.y) * p.xChannels + group * p.xGroup + row % p.ci;
}

fn columnIndex(k: u32, column: u32) -> u32 {
  let p = params;
  if (k >= p.batch * p.outHeight * p.outWidth || column >= p.co) { return NONE; }
  return (k * p.groups + group) * p.co + column;
}

@compute @workgroup_size(SIDE * SIDE)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = params;
  group = workgroup.z % p.groups;
  let begin = workgroup.z / p.groups * p.chunk;
  let end = min(begin + p.chunk, p.batch * p.outHeight * p.outWidth);
  let sums = tileProduct(workgroup.x * BLOCK, workgroup.y * BLOCK, begin, end, thread);
  let weightRows = p.kh * p.kw * p.ci;
#unroll i PER
#unroll j COLUMNS
#unroll e 4
  {
    let row = workgroup.x * BLOCK + $iu * SIDE + thread / SIDE;
    let column = workgroup.y * BLOCK + ($ju * 4u + $eu) * SIDE + thread % SIDE;
    if (row < weightRows && column < p.co) {
      let at = (workgroup.z * weightRows + row) * p.co + column; // z = split * groups + group, as the parts lie
#if ACCUMULATE
      result[at] += sums[$iu * COLUMNS + $ju][$e];
#else
      result[at] = sums[$iu * COLUMNS + $ju][$e];
#endif
    }
  }
#end
#end
#end
}
