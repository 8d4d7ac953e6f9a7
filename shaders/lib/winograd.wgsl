// Winograd's F(4x4, 3x3) (Lavin, Gray, CVPR 2016): 4x4 results of a 3x3 convolution from 6x6 inputs in 36 products instead of 144. A
// polynomial of degree 5 is known by its values at 0, A, -A, B, -B and infinity. The usual points 1 and 2 lose four times as much to
// rounding as A = 2/3, B = 3/2 (Barabasz et al. 2020 on the choice of points), and A * B = 1 saves products.
const A = 2.0 / 3.0;
const B = 1.5;
const A2 = A * A;
const B2 = B * B;

struct Params {
  batch: u32, height: u32, width: u32, outHeight: u32, outWidth: u32,
  groups: u32, ci: u32, co: u32,
  top: i32, left: i32,
}
@group(0) @binding(0) var<uniform> params: Params;

alias V = vec4f;
alias Six = array<vec4f, 6>;

// Values of an input's polynomial: B^T d.
fn inputValues(d: Six) -> Six {
  let evenA = d[4] - B2 * d[2];
  let oddA = A * d[3] - B * d[1];
  let evenB = d[4] - A2 * d[2];
  let oddB = B * d[3] - A * d[1];
  return Six(
    d[0] - (A2 + B2) * d[2] + d[4],
    evenA + oddA, evenA - oddA, evenB + oddB, evenB - oddB,
    d[1] - (A2 + B2) * d[3] + d[5],
  );
}

// What the interpolation divides the values at A and B by.
const SCALE_A = 1.0 / (2.0 * A2 * (A2 - B2));
const SCALE_B = 1.0 / (2.0 * B2 * (B2 - A2));

// Values of a kernel's polynomial: G g, scaled as the interpolation wants.
fn kernelValues(g: array<vec4f, 3>) -> Six {
  let evenA = SCALE_A * g[0] + (SCALE_A * A2) * g[2];
  let oddA = (SCALE_A * A) * g[1];
  let evenB = SCALE_B * g[0] + (SCALE_B * B2) * g[2];
  let oddB = (SCALE_B * B) * g[1];
  return Six(g[0], evenA + oddA, evenA - oddA, evenB + oddB, evenB - oddB, g[2]);
}

// Four results from the values of a product: A^T m.
fn results(m: Six) -> array<vec4f, 4> {
  let sumA = m[1] + m[2];
  let differenceA = m[1] - m[2];
  let sumB = m[3] + m[4];
  let differenceB = m[3] - m[4];
  return array<vec4f, 4>(
    m[0] + sumA + sumB,
    A * differenceA + B * differenceB,
    A2 * sumA + B2 * sumB,
    (A2 * A) * differenceA + (B2 * B) * differenceB + m[5],
  );
}

// Its gradient: A dy.
fn resultsGradient(dy: array<vec4f, 4>) -> Six {
  let evenA = dy[0] + A2 * dy[2];
  let oddA = A * dy[1] + (A2 * A) * dy[3];
  let evenB = dy[0] + B2 * dy[2];
  let oddB = B * dy[1] + (B2 * B) * dy[3];
  return Six(dy[0], evenA + oddA, evenA - oddA, evenB + oddB, evenB - oddB, dy[3]);
}

// The gradient of kernelValues(): G^T u.
fn kernelValuesGradient(u: Six) -> array<vec4f, 3> {
  let sumA = SCALE_A * (u[1] + u[2]);
  let differenceA = SCALE_A * (u[1] - u[2]);
  let sumB = SCALE_B * (u[3] + u[4]);
  let differenceB = SCALE_B * (u[3] - u[4]);
  return array<vec4f, 3>(
    u[0] + sumA + sumB,
    A * differenceA + B * differenceB,
    A2 * sumA + B2 * sumB + u[5],
  );
}
