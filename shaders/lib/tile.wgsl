// Matrix product through workgroup memory, for any adapter: a tile of BLOCK x BLOCK results, 4x4 for each of (BLOCK/4)^2 threads,
// BLOCK/4 of the summed dimension k at a time. What includes this says where elements lie, in flat f32 indices or NONE (counts as 0):
//   fn rowIndex(row, k) -> u32     in `rows`;    quads of elements run along k where ROWS_ALONG_K, else along rows
//   fn columnIndex(k, column) -> u32  in `columns`; quads run along k where COLUMNS_ALONG_K, else along columns
// With VECTOR, a quad is one aligned load.
const NONE = 0xffffffffu;
const SIDE = BLOCK / 4u;
const STRIDE = BLOCK + 1u; // not a power of two: threads of a warp write to different banks

#if VECTOR
@group(0) @binding(1) var<storage, read> rows: array<vec4f>;
@group(0) @binding(2) var<storage, read> columns: array<vec4f>;
#else
@group(0) @binding(1) var<storage, read> rows: array<f32>;
@group(0) @binding(2) var<storage, read> columns: array<f32>;
#endif

var<workgroup> rowTile: array<f32, SIDE * STRIDE>;
var<workgroup> columnTile: array<f32, SIDE * STRIDE>;

fn rowQuad(row: u32, k: u32) -> vec4f {
#if VECTOR
  let i = rowIndex(row, k);
  return select(vec4f(), rows[select(i / 4u, 0u, i == NONE)], i != NONE);
#else
  var quad = vec4f();
#unroll e 4
#if ROWS_ALONG_K
  let i$e = rowIndex(row, k + $eu);
#else
  let i$e = rowIndex(row + $eu, k);
#endif
  if (i$e != NONE) { quad[$e] = rows[i$e]; }
#end
  return quad;
#endif
}

fn columnQuad(k: u32, column: u32) -> vec4f {
#if VECTOR
  let i = columnIndex(k, column);
  return select(vec4f(), columns[select(i / 4u, 0u, i == NONE)], i != NONE);
#else
  var quad = vec4f();
#unroll e 4
#if COLUMNS_ALONG_K
  let i$e = columnIndex(k + $eu, column);
#else
  let i$e = columnIndex(k, column + $eu);
#endif
  if (i$e != NONE) { quad[$e] = columns[i$e]; }
#end
  return quad;
#endif
}

// Rows firstRow + SIDE*i + thread/SIDE, columns firstColumn + SIDE*j + thread%SIDE (i, j < 4), summed over k in [begin, end).
fn tileProduct(firstRow: u32, firstColumn: u32, begin: u32, end: u32, thread: u32) -> array<vec4f, 4> {
  let across = thread / SIDE; // which of SIDE k, rows or columns this thread loads
  let along = thread % SIDE * 4u;
  let lineOf = thread / (SIDE / 4u);
  let quadOf = thread % (SIDE / 4u) * 4u;
#unroll i 4
  var s$i = vec4f();
#end
  for (var k = begin; k < end; k += SIDE) {
#if ROWS_ALONG_K
    let r = rowQuad(firstRow + lineOf, k + quadOf);
#unroll e 4
    rowTile[(quadOf + $eu) * STRIDE + lineOf] = r[$e];
#end
#else
    let r = rowQuad(firstRow + along, k + across);
#unroll e 4
    rowTile[across * STRIDE + along + $eu] = r[$e];
#end
#endif
#if COLUMNS_ALONG_K
    let c = columnQuad(k + quadOf, firstColumn + lineOf);
#unroll e 4
    columnTile[(quadOf + $eu) * STRIDE + lineOf] = c[$e];
#end
#else
    let c = columnQuad(k + across, firstColumn + along);
#unroll e 4
    columnTile[across * STRIDE + along + $eu] = c[$e];
#end
#endif
    workgroupBarrier();
    for (var d = 0u; d < SIDE; d++) {
      let row = d * STRIDE + thread / SIDE;
      let column = d * STRIDE + thread % SIDE;
      let b = vec4f(columnTile[column], columnTile[column + SIDE], columnTile[column + 2u * SIDE], columnTile[column + 3u * SIDE]);
#unroll i 4
      s$i += rowTile[row + $iu * SIDE] * b;
#end
    }
    workgroupBarrier();
  }
  return array<vec4f, 4>(s0, s1, s2, s3);
}
