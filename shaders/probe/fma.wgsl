// Peak arithmetic: 4*VECTORS chains of dependent fused multiply-adds a thread, and nothing else. How many chains hide the
// latency and still fit the registers depends on the device (12, with m and c, fit AVX2's 16), so several counts are tried.
@group(0) @binding(0) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = vec4f(f32(id.x % 1024) * 1e-4);
  let c = vec4f(0.5);
#unroll j VECTORS
  var s$j = vec4f(0, 1, 2, 3) + $j;
#end
  for (var k = 0u; k < ROUNDS; k++) {
#unroll u 4
#unroll j VECTORS
    s$j = fma(s$j, m, c);
#end
#end
  }
  var sum = c;
#unroll j VECTORS
  sum += s$j;
#end
  sums[id.x] = dot(sum, c);
}
