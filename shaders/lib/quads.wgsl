// Four consecutive f32 of an operand. TEXTURE: through a storage texture 1024 texels wide, the fastest way in on lavapipe; with
// COLUMNS_IN_PLACE all the same from their buffer, since the copy into a texture takes longer than the loads that it would save.
#include "lib/texel"
#if TEXTURE
@group(0) @binding(1) var rows: texture_storage_2d<rgba32float, read>;
fn rowQuad(i: u32) -> vec4f { return textureLoad(rows, texel(i)); }
#else
@group(0) @binding(1) var<storage, read> rows: array<vec4f>;
fn rowQuad(i: u32) -> vec4f { return rows[i]; }
#endif
#if TEXTURE && !COLUMNS_IN_PLACE
@group(0) @binding(2) var columns: texture_storage_2d<rgba32float, read>;
fn columnQuad(i: u32) -> vec4f { return textureLoad(columns, texel(i)); }
#else
@group(0) @binding(2) var<storage, read> columns: array<vec4f>;
fn columnQuad(i: u32) -> vec4f { return columns[i]; }
#endif
