// dw_k = dy * (2 w_k / (1 + w_k^2) - L_k / w_k^3).
@group(0) @binding(0) var<storage, read> weights: array<f32>;
@group(0) @binding(1) var<storage, read> loss0: array<f32>;
#if COUNT > 1
@group(0) @binding(2) var<storage, read> loss1: array<f32>;
#endif
#if COUNT > 2
@group(0) @binding(3) var<storage, read> loss2: array<f32>;
#endif
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dweights: array<f32>;

@compute @workgroup_size(1)
fn main() {
#unroll k COUNT
  { let w = weights[$ku];
    let gradient = dy[0] * (2.0 * w / (1.0 + w * w) - loss$k[0] / (w * w * w));
#if ACCUMULATE
    dweights[$ku] += gradient;
#else
    dweights[$ku] = gradient;
#endif
  }
#end
}
