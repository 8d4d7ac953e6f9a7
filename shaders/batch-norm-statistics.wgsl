// From the chunks' moments: mean and 1/deviation; and moves the running statistics. Two sweeps: the first finds a centre, which is
// the mean but for rounding; the second sums about it, where all is small, and so finds what is left of the mean, and the squares.
// A workgroup serves 16 channels with 16 threads each. SERIAL: a thread a channel, without barriers, which CPU adapters pay dearly.
struct Params { rows: u32, channels: u32, chunk: u32, chunks: u32, epsilon: f32, momentum: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>; // [d, d^2, shift][chunk][channel]
@group(0) @binding(2) var<storage, read_write> batch_mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> batch_rstd: array<f32>;
#if RECORD
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> variance: array<f32>;
#endif

fn shiftOf(chunk: u32, channel: u32) -> f32 { return sums[(2u * params.chunks + chunk) * params.channels + channel]; }

// Sums of x - centre and (x - centre)^2 over every step-th chunk.
fn sumsAbout(centre: f32, channel: u32, first: u32, step: u32) -> vec2f {
  var sum = vec2f(0.0);
  for (var chunk = first; chunk < params.chunks; chunk += step) {
    let n = f32(min(params.chunk, params.rows - chunk * params.chunk));
    let d = sums[chunk * params.channels + channel];
    let squares = sums[(params.chunks + chunk) * params.channels + channel];
    let shift = shiftOf(chunk, channel) - centre;
    sum += vec2f(d + n * shift, squares + shift * (2.0 * d + n * shift));
  }
  return sum;
}

fn meanAbout(centre: f32, sum: f32) -> f32 { return centre + sum / f32(params.rows); }

fn finish(channel: u32, centre: f32, sum: vec2f) {
  let n = f32(params.rows);
  let batch = meanAbout(centre, sum.x);
  let squares = max(sum.y - sum.x * (sum.x / n), 0.0);
  batch_mean[channel] = batch;
  batch_rstd[channel] = 1.0 / sqrt(squares / n + params.epsilon);
#if RECORD
  mean[channel] += params.momentum * (batch - mean[channel]);
  variance[channel] += params.momentum * (squares / (n - 1.0) - variance[channel]);
#endif
}

#if SERIAL
fn sumsOver(centre: f32, channel: u32) -> vec2f { // short sums, as in the tree
  let even = sumsAbout(centre, channel, 0u, 4u) + sumsAbout(centre, channel, 2u, 4u);
  return even + (sumsAbout(centre, channel, 1u, 4u) + sumsAbout(centre, channel, 3u, 4u));
}

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.channels) { return; }
  let shift = shiftOf(0u, id.x);
  let centre = meanAbout(shift, sumsOver(shift, id.x).x);
  finish(id.x, centre, sumsOver(centre, id.x));
}
#else
var<workgroup> tile: array<vec2f, 256>;

// On every thread of a channel.
fn sumsOver(centre: f32, channel: u32, lane: u32) -> vec2f {
  tile[lane] = vec2f(0.0);
  if (channel < params.channels) { tile[lane] = sumsAbout(centre, channel, lane / 16u, 16u); }
  for (var half = 128u; half >= 16u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { tile[lane] += tile[lane + half]; }
  }
  workgroupBarrier();
  let sum = tile[lane % 16u];
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channel = workgroup.x * 16u + lane % 16u;
  let shift = shiftOf(0u, min(channel, params.channels - 1u));
  let centre = meanAbout(shift, sumsOver(shift, channel, lane).x);
  let sum = sumsOver(centre, channel, lane);
  if (lane < 16u && channel < params.channels) { finish(channel, centre, sum); }
}
#endif
