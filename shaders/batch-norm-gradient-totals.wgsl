// Adds the chunks' sums: totals = [sum of g, sum of g * xhat] for the next pass; dbias and dweight the same, or added to what is there.
// A workgroup serves 16 channels with 16 threads each. SERIAL: a thread a channel, without barriers, which CPU adapters pay dearly.
struct Params { channels: u32, chunks: u32, add_weight: u32, add_bias: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> totals: array<f32>;
@group(0) @binding(3) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(4) var<storage, read_write> dbias: array<f32>;

fn sumOf(channel: u32, first: u32, step: u32) -> vec2f {
  var sum = vec2f(0.0);
  for (var chunk = first; chunk < params.chunks; chunk += step) {
    let at = chunk * params.channels + channel;
    sum += vec2f(sums[at], sums[params.chunks * params.channels + at]);
  }
  return sum;
}

fn finish(channel: u32, all: vec2f) {
  totals[channel] = all.x;
  totals[params.channels + channel] = all.y;
  if (params.add_bias != 0u) { dbias[channel] += all.x; } else { dbias[channel] = all.x; }
  if (params.add_weight != 0u) { dweight[channel] += all.y; } else { dweight[channel] = all.y; }
}

#if SERIAL
@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.channels) { return; }
  let even = sumOf(id.x, 0u, 4u) + sumOf(id.x, 2u, 4u); // short sums, as in the tree
  finish(id.x, even + (sumOf(id.x, 1u, 4u) + sumOf(id.x, 3u, 4u)));
}
#else
var<workgroup> tile: array<vec2f, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channel = workgroup.x * 16u + lane % 16u;
  tile[lane] = vec2f(0.0);
  if (channel < params.channels) { tile[lane] = sumOf(channel, lane / 16u, 16u); }
  for (var half = 128u; half >= 16u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { tile[lane] += tile[lane + half]; }
  }
  if (lane < 16u && channel < params.channels) { finish(channel, tile[lane]); }
}
#endif
