// Convolution for GPUs, forward and data gradient, as a tiled matrix product of pixels with weights; see conv2d-software for how the
// data gradient is cut into parity classes. Several workgroups may share one tile's k (splits), to be added up by another pass.
#include "lib/conv"
#include "lib/tile"
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<f32>;
#endif

var<private> group: u32;
var<private> first: vec2u; // the class' first pixel
var<private> size: vec2u; // pixels of the class, down and across
var<private> depth: u32;

#if DATA_GRADIENT
// k = (group where all groups read one input, tap i, tap j, output channel)
struct Tap { group: u32, source: vec2u, kernel: u32, channel: u32 }
fn tapOf(k: u32, at: vec2u) -> Tap {
  let p = params;
  let origin = first + vec2u(p.top, p.left);
  let tap = origin % p.stride;
  let taps = (vec2u(p.kh, p.kw) + p.stride - 1u - tap) / p.stride;
  let t = k / p.co;
  let step = vec2u(t / taps.y % taps.x, t % taps.y);
  let kernel = tap + step * p.stride;
  return Tap(group + t / (taps.x * taps.y), origin / p.stride + at - step, kernel.x * p.kw + kernel.y, k % p.co);
}

fn rowIndex(row: u32, k: u32) -> u32 {
  let p = params;
  let b = row / (size.x * size.y);
  if (b >= p.batch || k >= depth) { return NONE; }
  let tap = tapOf(k, vec2u(row / size.y % size.x, row % size.y));
  if (any(tap.source >= vec2u(p.outHeight, p.outWidth))) { return NONE; }
  return (((b * p.outHeight + tap.source.x) * p.outWidth + tap.source.y) * p.groups + tap.group) * p.co + tap.channel;
}

fn columnIndex(k: u32, column: u32) -> u32 {
  let p = params;
  if (k >= depth || column >= p.ci) { return NONE; }
  let tap = tapOf(k, vec2u());
  return ((tap.group * p.kh * p.kw + tap.kernel) * p.ci + column) * p.co + tap.channel;
}

// Where the columns of a row begin in the result.
fn resultIndex(row: u32) -> u32 {
  let p = params;
  let b = row / (size.x * size.y);
  if (b >= p.batch) { return NONE; }
  let at = first + vec2u(row / size.y % size.x, row % size.y) * p.stride;
  return ((b * p.height + at.x) * p.width + at.y) * p.xChannels + group * p.xGroup;
}
#else
fn rowIndex(row: u32, k: u32) -> u32 {
  let p = params;
  let b = row / (size.x * size.y);
  if (b >= p.batch || k >= depth) { return NONE; }
  let tap = k / p.ci;
  let at = vec2u(row / size.y % size.x, row % size.y) * p.stride + vec2u(tap / p.kw, tap % p.kw) - vec2u(p.top, p.left);
  if (any(at >= vec2u(p.height, p.width))) { return NONE; } // above 0 it has wrapped
  return ((b * p.height + at.x) * p.width + at.y) * p.xChannels + group * p.xGroup + k % p.ci;
}

fn columnIndex(k: u32, column: u32) -> u32 {
  if (k >= depth || column >= params.co) { return NONE; }
  return (group * depth + k) * params.co + column;
}

// Where the columns of a row begin in the result.
fn resultIndex(row: u32) -> u32 {
  let p = params;
  if (row >= p.batch * size.x * size.y) { return NONE; }
  return (row * p.groups + group) * p.co;
}
#endif

@compute @workgroup_size(SIDE * SIDE)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = params;
#if DATA_GRADIENT
  let classes = p.stride * p.stride;
  let parity = workgroup.z % classes;
  let start = vec2u(parity / p.stride, parity % p.stride);
  let extent = (vec2u(p.height, p.width) + p.stride - 1u - start) / p.stride;
  let taps = (vec2u(p.kh, p.kw) + p.stride - 1u - (start + vec2u(p.top, p.left)) % p.stride) / p.stride;
  let apart = select(p.groups, 1u, p.xGroup == 0u); // groups with a dx of their own
  let allK = p.groups / apart * taps.x * taps.y * p.co;
  let resultColumns = p.ci;
  let results = p.batch * p.height * p.width * p.xChannels;
#else
  let classes = 1u;
  let start = vec2u();
  let extent = vec2u(p.outHeight, p.outWidth);
  let apart = p.groups;
  let allK = p.kh * p.kw * p.ci;
  let resultColumns = p.co;
  let results = p.batch * p.outHeight * p.outWidth * p.groups * p.co;
#endif
  let split = workgroup.z / (classes * apart);
  group = workgroup.z / classes % apart;
  first = start;
  size = extent;
  depth = allK;
  let tiles = (resultColumns + BLOCK - 1u) / BLOCK;
  let firstRow = (workgroup.y / tiles * grid.x + workgroup.x) * BLOCK; // rows beyond the grid's limit go on along y
  let firstColumn = workgroup.y % tiles * BLOCK;
  if (firstRow >= p.batch * extent.x * extent.y) { return; }
  let sums = tileProduct(firstRow, firstColumn, split * p.chunk, min(allK, (split + 1u) * p.chunk), thread);
#unroll i PER
  let row$i = resultIndex(firstRow + $iu * SIDE + thread / SIDE);
#unroll j COLUMNS
#unroll e 4
  {
    let column = firstColumn + ($ju * 4u + $eu) * SIDE + thread % SIDE;
    if (row$i != NONE && column < resultColumns) {
      var value = sums[$iu * COLUMNS + $ju][$e];
#if BIAS
      if (split == 0u) { value += bias[group * p.co + column]; }
#endif
#if ACCUMULATE
      result[row$i + column] += value;
#else
      result[split * results + row$i + column] = value;
#endif
    }
  }
#end
#end
#end
}
