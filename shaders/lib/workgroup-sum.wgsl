// Sum over a workgroup of 256 in a fixed tree: the same values always give the same sum, on every lane.
var<workgroup> partialSums: array<f32, 256>;

fn workgroupSum(value: f32, lane: u32) -> f32 {
  partialSums[lane] = value;
  workgroupBarrier();
  for (var width = 128u; width > 0u; width >>= 1u) {
    if (lane < width) { partialSums[lane] += partialSums[lane + width]; }
    workgroupBarrier();
  }
  let total = workgroupUniformLoad(&partialSums[0]);
  return total;
}
