// rstd = 1 / sqrt(variance + epsilon).
struct Params { channels: u32, epsilon: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> variance: array<f32>;
@group(0) @binding(2) var<storage, read_write> rstd: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) thread: vec3u) {
  if (thread.x < params.channels) { rstd[thread.x] = 1.0 / sqrt(variance[thread.x] + params.epsilon); }
}
