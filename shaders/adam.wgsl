// Adam with L2 weight decay (Kingma and Ba, algorithm 1; torch.optim.Adam), four values at once. Nothing is written once the flag
// is up.
#if VEC4
alias Value = vec4f;
#else
alias Value = f32;
#endif

struct Params { size: u32, beta1: f32, beta2: f32, rest1: f32, rest2: f32, epsilon: f32, weightDecay: f32 }
@group(0) @binding(0) var<uniform> params: Params;
#include "lib/stretch"
@group(0) @binding(1) var<storage, read_write> parameters: array<Value>;
@group(0) @binding(2) var<storage, read> gradients: array<Value>;
@group(0) @binding(3) var<storage, read_write> m: array<Value>;
@group(0) @binding(4) var<storage, read_write> v: array<Value>;
@group(0) @binding(5) var<storage, read> hyper: array<f32>; // learning rate, 1 - beta1^t, sqrt(1 - beta2^t)
@group(0) @binding(6) var<storage, read> flag: array<u32>;

fn tile(index: u32, lane: u32) {
  if (flag[0] != 0u) { return; }
  let step = hyper[0] / hyper[1];
  let correction = hyper[2];
  let stretch = stretchOf(index, lane);
  for (var i = stretch.first; i < stretch.end; i += LANES) {
    let value = parameters[i];
    let gradient = gradients[i] + params.weightDecay * value;
    let mean = params.beta1 * m[i] + params.rest1 * gradient;
    let square = params.beta2 * v[i] + params.rest2 * gradient * gradient;
    m[i] = mean;
    v[i] = square;
    parameters[i] = value - step * mean / (sqrt(square) / correction + params.epsilon);
  }
}

#include "lib/work-queue"
