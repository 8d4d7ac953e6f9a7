// Sizes of a grouped convolution: x [batch, height, width, xChannels], w [groups, kh, kw, ci, co], y [batch, outHeight, outWidth, groups*co].
// Group g reads the ci channels of x from g*xGroup on; xGroup is 0 where all groups share them.
struct Params {
  batch: u32, height: u32, width: u32, outHeight: u32, outWidth: u32,
  groups: u32, kh: u32, kw: u32, ci: u32, co: u32,
  stride: u32, top: u32, left: u32, xChannels: u32, xGroup: u32,
#if SPLIT
  chunk: u32, // of the summed dimension, for one split: whole steps of the kernel
#endif
}
@group(0) @binding(0) var<uniform> params: Params;
