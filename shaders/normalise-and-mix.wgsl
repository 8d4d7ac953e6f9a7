// y[b] = mix * n(images[r]) + (1 - mix) * n(images[permutation[r]]), r = rows[0] + b, n(v) = v * scale - offset per channel.
// Bytes lie four to a word; a thread computes four values.
struct Params {
  image: u32, // values in an image
  count: u32, // images there are
  scale0: f32, scale1: f32, scale2: f32,
  offset0: f32, offset1: f32, offset2: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> images: array<u32>;
@group(0) @binding(2) var<storage, read> permutation: array<u32>;
@group(0) @binding(3) var<storage, read> mix: array<f32>;
@group(0) @binding(4) var<storage, read> rows: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

fn value(image: u32, i: u32) -> f32 {
  let at = image * params.image + i;
  return f32((images[at / 4u] >> (8u * (at % 4u))) & 0xffu);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = (workgroup.x * 256u + lane) * 4u;
  let row = min(rows[0] + workgroup.y, params.count - 1u);
  let partner = permutation[row];
  let share = mix[0];
#unroll j 4
  { let i = first + $ju;
    if (i < params.image) {
      let mixed = share * value(row, i) + (1.0 - share) * value(partner, i);
      let channel = i % 3u;
      let scale = select(select(params.scale2, params.scale1, channel == 1u), params.scale0, channel == 0u);
      let offset = select(select(params.offset2, params.offset1, channel == 1u), params.offset0, channel == 0u);
      y[workgroup.y * params.image + i] = mixed * scale - offset;
    }
  }
#end
}
