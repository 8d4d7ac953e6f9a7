// The copy rate by which kernels are measured: VECTORS coalesced vec4 loads and stores a thread, straight-line. (On software adapters a
// loop over the grid reads a quarter of the rate, and a subgroup's loop over a stretch of memory 1.6 times as much.)
@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> copied: array<vec4f>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 256 * VECTORS + lane;
#unroll j VECTORS
  copied[i + $j * 256] = source[i + $j * 256];
#end
}
