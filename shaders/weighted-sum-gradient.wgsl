// dL_k = scale_k * dy.
struct Params { scale0: f32, scale1: f32, scale2: f32 }
@group(0) @binding(0) var<uniform> params: Params;
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
  dloss$k[0] = params.scale$k * dy[0];
#end
}
