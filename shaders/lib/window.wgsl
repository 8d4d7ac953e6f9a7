// A thread's window of x, four channels: TALL rows of KW columns, of which KEEP = KW - STRIDE serve the next step along the columns too.
// After lib/depthwise and lib/quads.
fn sourceQuad(line: u32, column: u32, c: u32, mask: f32) -> vec4f {
  let inside = column < params.width; // a column left of the padding wraps
  return rowQuad((line + select(0u, column, inside)) * (params.channels / 4u) + c) * select(0.0, mask, inside);
}
