// total = sum_k scale_k * L_k.
struct Params { scale0: f32, scale1: f32, scale2: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> loss0: array<f32>;
#if COUNT > 1
@group(0) @binding(2) var<storage, read> loss1: array<f32>;
#endif
#if COUNT > 2
@group(0) @binding(3) var<storage, read> loss2: array<f32>;
#endif
@group(0) @binding(4) var<storage, read_write> total: array<f32>;

@compute @workgroup_size(1)
fn main() {
  var sum = 0.0;
#unroll k COUNT
  sum += params.scale$k * loss$k[0];
#end
  total[0] = sum;
}
