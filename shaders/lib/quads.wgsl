// Four consecutive f32 of an operand. TEXTURE: through a storage texture 1024 texels wide, the fastest way in on lavapipe.
#include "lib/texel"
#if TEXTURE
@group(0) @binding(1) var rows: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var columns: texture_storage_2d<rgba32float, read>;
fn rowQuad(i: u32) -> vec4f { return textureLoad(rows, texel(i)); }
fn columnQuad(i: u32) -> vec4f { return textureLoad(columns, texel(i)); }
#else
@group(0) @binding(1) var<storage, read> rows: array<vec4f>;
@group(0) @binding(2) var<storage, read> columns: array<vec4f>;
fn rowQuad(i: u32) -> vec4f { return rows[i]; }
fn columnQuad(i: u32) -> vec4f { return columns[i]; }
#endif
