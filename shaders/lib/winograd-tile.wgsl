// One thread a tile of 4x4 results and four channels of a group.
struct Tile {
  live: bool,
  b: u32,
  // The corner of its results.
  row: u32, column: u32,
  // Quads of channels in all groups, and which of them.
  channels: u32, c: u32,
  // Where its 36 values begin in [tile, group, 36, quads], a quad of one value after the other.
  place: u32,
}

fn tileOf(item: u32, quads: u32) -> Tile {
  let p = params;
  let channels = p.groups * quads;
  let across = (p.outWidth + 3u) / 4u;
  let down = (p.outHeight + 3u) / 4u;
  let c = item % channels;
  let tile = item / channels;
  let b = tile / (across * down);
  return Tile(b < p.batch, b, tile / across % down * 4u, tile % across * 4u, channels, c,
    (tile * p.groups + c / quads) * 36u * quads + c % quads);
}
