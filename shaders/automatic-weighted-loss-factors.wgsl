// dL_k = dy * 0.5 / w_k^2.
@group(0) @binding(0) var<storage, read> weights: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dloss0: array<f32>;
#if COUNT > 1
@group(0) @binding(3) var<storage, read_write> dloss1: array<f32>;
#endif
#if COUNT > 2
@group(0) @binding(4) var<storage, read_write> dloss2: array<f32>;
#endif

@compute @workgroup_size(1)
fn main() {
#unroll k COUNT
  dloss$k[0] = dy[0] * 0.5 / (weights[$ku] * weights[$ku]);
#end
}
