// Matrix product through workgroup memory, for any adapter: SIDE x SIDE threads sum PER x PER results each, DEPTH of the summed dimension
// k at a time; while they do, the next DEPTH are on their way from memory into registers. COLUMNS = PER / 4, and QUADS is how many quads
// of either operand a thread loads. What includes this says where elements lie, in flat f32 indices or NONE (counts as 0):
//   fn rowIndex(row, k) -> u32     in `rows`;    quads of elements run along k where ROWS_ALONG_K, else along rows
//   fn columnIndex(k, column) -> u32  in `columns`; quads run along k where COLUMNS_ALONG_K, else along columns
// With VECTOR, a quad is one aligned load. With HALF, tiles are kept in 16 bits, in half the workgroup memory; sums are of 32 bits.
#if HALF
enable f16;
alias Kept = f16;
#else
alias Kept = f32;
#endif
const NONE = 0xffffffffu;
const BLOCK = SIDE * PER;
const STRIDE = BLOCK + 1u; // not a power of two: threads of a warp write to different banks

#if VECTOR
@group(0) @binding(1) var<storage, read> rows: array<vec4f>;
@group(0) @binding(2) var<storage, read> columns: array<vec4f>;
#else
@group(0) @binding(1) var<storage, read> rows: array<f32>;
@group(0) @binding(2) var<storage, read> columns: array<f32>;
#endif

var<workgroup> rowTile: array<Kept, DEPTH * STRIDE>;
var<workgroup> columnTile: array<Kept, DEPTH * STRIDE>;

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

// The n-th quad of a block: its line (row or column) and k.
fn alongK(n: u32) -> vec2u { return vec2u(n / (DEPTH / 4u), n % (DEPTH / 4u) * 4u); }
fn alongLines(n: u32) -> vec2u { return vec2u(n % (BLOCK / 4u) * 4u, n / (BLOCK / 4u)); }
#if ROWS_ALONG_K
fn rowPlace(n: u32) -> vec2u { return alongK(n); }
#else
fn rowPlace(n: u32) -> vec2u { return alongLines(n); }
#endif
#if COLUMNS_ALONG_K
fn columnPlace(n: u32) -> vec2u { return alongK(n); }
#else
fn columnPlace(n: u32) -> vec2u { return alongLines(n); }
#endif

// Rows firstRow + SIDE*i + thread/SIDE (i < PER), columns firstColumn + SIDE*(4*j+e) + thread%SIDE, summed over k in [begin, end):
// element i*COLUMNS + j, component e.
fn tileProduct(firstRow: u32, firstColumn: u32, begin: u32, end: u32, thread: u32) -> array<vec4f, PER * COLUMNS> {
#unroll i PER
#unroll j COLUMNS
  var s$i_$j = vec4f();
#end
#end
#unroll q QUADS
  let rowPlace$q = rowPlace(thread + $qu * SIDE * SIDE);
  let columnPlace$q = columnPlace(thread + $qu * SIDE * SIDE);
  var r$q = rowQuad(firstRow + rowPlace$q.x, begin + rowPlace$q.y);
  var c$q = columnQuad(begin + columnPlace$q.y, firstColumn + columnPlace$q.x);
#end
  for (var k = begin; k < end; k += DEPTH) {
#unroll q QUADS
    {
      let row = rowPlace$q.y * STRIDE + rowPlace$q.x;
      let column = columnPlace$q.y * STRIDE + columnPlace$q.x;
#unroll e 4
#if ROWS_ALONG_K
      rowTile[row + $eu * STRIDE] = Kept(r$q[$e]);
#else
      rowTile[row + $eu] = Kept(r$q[$e]);
#endif
#if COLUMNS_ALONG_K
      columnTile[column + $eu * STRIDE] = Kept(c$q[$e]);
#else
      columnTile[column + $eu] = Kept(c$q[$e]);
#endif
#end
    }
#end
    workgroupBarrier();
    let next = k + DEPTH;
    if (next < end) {
#unroll q QUADS
      r$q = rowQuad(firstRow + rowPlace$q.x, next + rowPlace$q.y);
      c$q = columnQuad(next + columnPlace$q.y, firstColumn + columnPlace$q.x);
#end
    }
    for (var d = 0u; d < DEPTH; d++) {
      let row = d * STRIDE + thread / SIDE;
      let column = d * STRIDE + thread % SIDE;
#unroll j COLUMNS
      let b$j = vec4f(f32(columnTile[column + $ju * 4u * SIDE]), f32(columnTile[column + ($ju * 4u + 1u) * SIDE]),
        f32(columnTile[column + ($ju * 4u + 2u) * SIDE]), f32(columnTile[column + ($ju * 4u + 3u) * SIDE]));
#end
#unroll i PER
      let a$i = f32(rowTile[row + $iu * SIDE]);
#unroll j COLUMNS
      s$i_$j += a$i * b$j;
#end
#end
    }
    workgroupBarrier();
  }
  var sums: array<vec4f, PER * COLUMNS>;
#unroll i PER
#unroll j COLUMNS
  sums[$iu * COLUMNS + $ju] = s$i_$j;
#end
#end
  return sums;
}
