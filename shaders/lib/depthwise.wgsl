// x [batch, height, width, channels], w [kh, kw, channels], y [batch, outHeight, outWidth, channels].
struct Params {
  batch: u32, height: u32, width: u32, outHeight: u32, outWidth: u32,
  kh: u32, kw: u32, channels: u32, stride: u32, top: u32, left: u32,
#if ROLL
  span: u32, images: u32, // columns of the result that one thread rolls along, in so many images one after the other
#endif
#if SPLIT
  chunk: u32, splits: u32, // rows of dy that one split sums
#endif
}
@group(0) @binding(0) var<uniform> params: Params;
