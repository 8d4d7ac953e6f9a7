// Weight gradient of a convolution for CPU adapters: a matrix product over pixels, in registers. See conv2d-software for the layout.
//
// Rows are weights' (i, j, ci), columns co, and k runs over the output pixels, LANES at once: lane l loads pixel l of x, four rows in
// a texel. Workgroup z covers one group and one of `splits` ranges of pixels, whose sums are added up by another pass.
enable subgroups;
#include "lib/conv"
#include "lib/quads"
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = params;
  let ci4 = p.ci / 4u;
  let co4 = p.co / 4u;
  let g = workgroup.z % p.groups;
  let split = workgroup.z / p.groups;
  let rowQuads = p.kh * p.kw * ci4;
  let column = workgroup.x * LANES + lane;
  let dyChannels = p.groups * co4;
  let dyFirst = g * co4 + min(column, co4 - 1u);
  let xChannels = p.xChannels / 4u;
  let xFirst = g * (p.xGroup / 4u);
  // Rows: the offset of a quad's tap, and of its channels.
#unroll r 4
  let quad$r = workgroup.y * 4u + $ru;
  let tap$r = min(quad$r, rowQuads - 1u) / ci4;
  let c$r = min(quad$r, rowQuads - 1u) % ci4 + xFirst;
  let shift$r = vec2u(tap$r / p.kw, tap$r % p.kw) - vec2u(p.top, p.left);
#unroll e 4
  var s$r_$e = vec4f();
#end
#end
  let pixels = p.batch * p.outHeight * p.outWidth;
  let begin = split * p.chunk;
  let end = min(begin + p.chunk, pixels);
  // This lane's pixel, and what LANES pixels are in images, rows and columns: divisions are dear.
  var b = (begin + lane) / (p.outHeight * p.outWidth);
  var at = vec2u((begin + lane) / p.outWidth % p.outHeight, (begin + lane) % p.outWidth);
  let stepB = LANES / (p.outHeight * p.outWidth);
  let step = vec2u(LANES / p.outWidth % p.outHeight, LANES % p.outWidth);
  for (var pixel = begin; pixel < end; pixel += LANES) {
#unroll q LANES
    let v$q = columnQuad(min(pixel + $qu, pixels - 1u) * dyChannels + dyFirst);
#end
    let live = pixel + lane < end;
#unroll r 4
    let from$r = at * p.stride + shift$r; // wraps below 0: then it is not below the size either
    let inside$r = live && all(from$r < vec2u(p.height, p.width));
    let place$r = select(0u, ((b * p.height + from$r.x) * p.width + from$r.y) * xChannels, inside$r) + c$r;
    let x$r = rowQuad(place$r) * select(0.0, 1.0, inside$r);
    {
#unroll q LANES
      let a$q = subgroupBroadcast(x$r, $qu);
#end
#unroll e 4
#if LANES == 8
      s$r_$e += a0[$e] * v0 + a1[$e] * v1 + a2[$e] * v2 + a3[$e] * v3 + a4[$e] * v4 + a5[$e] * v5 + a6[$e] * v6 + a7[$e] * v7;
#else
      s$r_$e += a0[$e] * v0 + a1[$e] * v1 + a2[$e] * v2 + a3[$e] * v3;
#endif
#end
    }
#end
    at += step;
    at = select(at, vec2u(at.x + 1u, at.y - p.outWidth), at.y >= p.outWidth);
    let over = at.x >= p.outHeight;
    at.x -= select(0u, p.outHeight, over);
    b += stepB + select(0u, 1u, over);
  }
  let place = ((split * p.groups + g) * rowQuads + workgroup.y * 4u) * 4u;
#unroll r 4
#unroll e 4
  if (quad$r < rowQuads && column < co4) {
    let i = (place + $ru * 4u + $eu) * co4 + column;
#if ACCUMULATE
    result[i] += s$r_$e;
#else
    result[i] = s$r_$e;
#endif
  }
#end
#end
}
