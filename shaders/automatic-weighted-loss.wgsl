// total = sum_k 0.5 / w_k^2 * L_k + log(1 + w_k^2).
@group(0) @binding(0) var<storage, read> weights: array<f32>;
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
  { let square = weights[$ku] * weights[$ku];
    sum += 0.5 / square * loss$k[0] + log(1.0 + square); }
#end
  total[0] = sum;
}
