// Sum over a workgroup of 256 in a fixed tree: the same values always give the same sum, on every lane. SUBGROUP: lanes of a subgroup,
// whose own trees need neither memory nor barriers; consecutive lanes make one.
#if SUBGROUP
enable subgroups;
var<workgroup> partialSums: array<f32, 256u / SUBGROUP>;

fn workgroupSum(value: f32, lane: u32) -> f32 {
  var sum = value;
  for (var width = SUBGROUP / 2u; width > 0u; width >>= 1u) { sum += subgroupShuffleXor(sum, width); }
  if (lane % SUBGROUP == 0u) { partialSums[lane / SUBGROUP] = sum; }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < 256u / SUBGROUP; i++) { total += partialSums[i]; }
  return total;
}
#else
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
#endif
