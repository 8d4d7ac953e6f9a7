// The one operand of a shader that staging in a texture serves, in elements V: vec4f with TEXTURE, the fastest way in on lavapipe.
#if TEXTURE
#include "lib/texel"
@group(0) @binding(1) var source: texture_storage_2d<rgba32float, read>;
fn sourceAt(i: u32) -> V { return textureLoad(source, texel(i)); }
#else
@group(0) @binding(1) var<storage, read> source: array<V>;
fn sourceAt(i: u32) -> V { return source[i]; }
#endif
