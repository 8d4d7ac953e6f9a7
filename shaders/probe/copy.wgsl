// Peak bandwidth: VECTORS coalesced vec4 loads and stores a thread, straight-line. (A loop over the grid reads a quarter of
// the rate on software adapters.)
@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> copied: array<vec4f>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 256 * VECTORS + lane;
#unroll j VECTORS
  copied[i + $j * 256] = source[i + $j * 256];
#end
}
