// Stochastic gradient descent with momentum, Nesterov's or plain, and L2 weight decay (torch.optim.SGD without dampening), four values at
// once. Nothing is written once the flag is up.
#if VEC4
alias Value = vec4f;
#else
alias Value = f32;
#endif

struct Params { size: u32, momentum: f32, weightDecay: f32 }
@group(0) @binding(0) var<uniform> params: Params;
#include "lib/stretch"
@group(0) @binding(1) var<storage, read_write> parameters: array<Value>;
@group(0) @binding(2) var<storage, read> gradients: array<Value>;
@group(0) @binding(3) var<storage, read_write> velocity: array<Value>;
@group(0) @binding(4) var<storage, read> hyper: array<f32>; // learning rate
@group(0) @binding(5) var<storage, read> flag: array<u32>;

fn tile(index: u32, lane: u32) {
  if (flag[0] != 0u) { return; }
  let rate = hyper[0];
  let stretch = stretchOf(index, lane);
  for (var i = stretch.first; i < stretch.end; i += LANES) {
    let value = parameters[i];
    let gradient = gradients[i] + params.weightDecay * value;
    let speed = params.momentum * velocity[i] + gradient;
    velocity[i] = speed;
#if NESTEROV
    parameters[i] = value - rate * (gradient + params.momentum * speed);
#else
    parameters[i] = value - rate * speed;
#endif
  }
}

#include "lib/work-queue"
