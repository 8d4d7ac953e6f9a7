// The counter-based random numbers of src/rng.ts, word for word.
fn hash32(word: u32) -> u32 {
  var x = word;
  x = (x ^ (x >> 16u)) * 0x21f0aaadu;
  x = (x ^ (x >> 15u)) * 0x735a2d97u;
  return x ^ (x >> 15u);
}

fn fold(key: u32, word: u32) -> u32 { return hash32(key ^ hash32(word + 0x85ebca6bu)); }

// keyOf(seed, epoch, step, stream)
fn keyOf(seed: u32, epoch: u32, step: u32, stream: u32) -> u32 {
  return fold(fold(fold(fold(0x9e3779b9u, seed), epoch), step), stream);
}

// Number `counter` of a key's stream: Rng.u32().
fn draw(key: u32, counter: u32) -> u32 { return hash32(key ^ hash32(counter)); }
