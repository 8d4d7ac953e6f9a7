// Adds the chunks' sums: totals = [sum of g, sum of g * xhat] for the next pass; dbias and dweight the same, or added to what is there.
// A workgroup serves 16 channels with 16 threads each.
struct Params { channels: u32, chunks: u32, add_weight: u32, add_bias: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> totals: array<f32>;
@group(0) @binding(3) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(4) var<storage, read_write> dbias: array<f32>;

var<workgroup> tile: array<vec2f, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channel = workgroup.x * 16u + lane % 16u;
  var sum = vec2f(0.0);
  if (channel < params.channels) {
    for (var chunk = lane / 16u; chunk < params.chunks; chunk += 16u) {
      let at = chunk * params.channels + channel;
      sum += vec2f(sums[at], sums[params.chunks * params.channels + at]);
    }
  }
  tile[lane] = sum;
  for (var half = 128u; half >= 16u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { tile[lane] += tile[lane + half]; }
  }
  if (lane >= 16u || channel >= params.channels) { return; }
  let all = tile[lane];
  totals[channel] = all.x;
  totals[params.channels + channel] = all.y;
  if (params.add_bias != 0u) { dbias[channel] += all.x; } else { dbias[channel] = all.x; }
  if (params.add_weight != 0u) { dweight[channel] += all.y; } else { dweight[channel] = all.y; }
}
