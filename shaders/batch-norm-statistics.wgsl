// Merges the chunks' moments (Chan, Golub, LeVeque 1979) into mean and 1/deviation, and moves the running statistics.
// A workgroup serves 16 channels with 16 threads each. SERIAL: a thread a channel, without barriers, which CPU adapters pay dearly.
struct Params { rows: u32, channels: u32, chunk: u32, chunks: u32, epsilon: f32, momentum: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> batch_mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> batch_rstd: array<f32>;
#if RECORD
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> variance: array<f32>;
#endif

// mean: relative to the first row, so that it loses no digits to a large common value; m2: sum of squared distances from the mean.
struct Moments { n: f32, mean: f32, m2: f32 }

fn merge(a: Moments, b: Moments) -> Moments {
  let n = max(a.n + b.n, 1.0);
  let d = b.mean - a.mean;
  return Moments(a.n + b.n, a.mean + d * (b.n / n), a.m2 + b.m2 + d * d * (a.n * b.n / n));
}

fn momentsOf(chunk: u32, channel: u32) -> Moments {
  let first = chunk * params.chunk;
  let n = f32(min(params.chunk, params.rows - first));
  let sum = sums[chunk * params.channels + channel];
  let squares = sums[(params.chunks + chunk) * params.channels + channel];
  let shift = x[first * params.channels + channel] - x[channel];
  return Moments(n, shift + sum / n, max(squares - sum * sum / n, 0.0));
}

fn momentsFrom(channel: u32, first: u32, step: u32) -> Moments {
  var moments = Moments(0.0, 0.0, 0.0);
  for (var chunk = first; chunk < params.chunks; chunk += step) { moments = merge(moments, momentsOf(chunk, channel)); }
  return moments;
}

fn finish(channel: u32, all: Moments) {
  let batch = x[channel] + all.mean;
  batch_mean[channel] = batch;
  batch_rstd[channel] = 1.0 / sqrt(all.m2 / all.n + params.epsilon);
#if RECORD
  mean[channel] += params.momentum * (batch - mean[channel]);
  variance[channel] += params.momentum * (all.m2 / (all.n - 1.0) - variance[channel]);
#endif
}

#if SERIAL
@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.channels) { return; }
  let even = merge(momentsFrom(id.x, 0u, 4u), momentsFrom(id.x, 2u, 4u)); // short sums, as in the tree
  let odd = merge(momentsFrom(id.x, 1u, 4u), momentsFrom(id.x, 3u, 4u));
  finish(id.x, merge(even, odd));
}
#else
var<workgroup> tile: array<Moments, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channel = workgroup.x * 16u + lane % 16u;
  tile[lane] = Moments(0.0, 0.0, 0.0);
  if (channel < params.channels) { tile[lane] = momentsFrom(channel, lane / 16u, 16u); }
  for (var half = 128u; half >= 16u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { tile[lane] = merge(tile[lane], tile[lane + half]); }
  }
  if (lane < 16u && channel < params.channels) { finish(channel, tile[lane]); }
}
#endif
