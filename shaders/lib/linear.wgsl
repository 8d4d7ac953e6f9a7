// x [rows, groups*k + holeLength], w [groups, k, n], y [rows, groups*n]. Columns [holeStart, holeStart + holeLength) of x are left out.
struct Params { rows: u32, groups: u32, k: u32, n: u32, holeStart: u32, holeLength: u32 }
@group(0) @binding(0) var<uniform> params: Params;
