// How a dispatch's tiles are shared out, one subgroup a tile. The including file declares Params, LANES, and
//   fn tiles() -> u32                 how many there are
//   fn tile(index: u32, lane: u32)    computes one of them
//
// lavapipe gives each thread of its pool an equal share of the workgroups beforehand and waits for the slowest, and it takes 0.3 us to
// begin with one. So with QUEUE there are only a few workgroups, which take tile after tile until none is left (persistent threads: Aila
// and Laine, "Understanding the Efficiency of Ray Traversal on GPUs", 2009). Half of them take from the front and half from the back, so
// that what a core computes lies side by side; the queue counts both, 16 bits each. Of 512 tiles and more several are taken at once.
#if QUEUE
enable subgroups;
diagnostic(off, subgroup_uniformity); // that a subgroup takes one tile all together is not seen by the compiler
#include "lib/quotient"
@group(0) @binding(15) var<storage, read_write> queue: atomic<u32>; // zero between dispatches

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let count = tiles();
  let each = (count >> 9u) + 1u;
  let turns = quotient(count + each - 1u, each);
  let fromBack = 2u * workgroup.x >= grid.x;
  loop {
    var taken = 0u;
    if (lane == 0u) { taken = atomicAdd(&queue, select(1u, 0x10000u, fromBack)); }
    taken = subgroupBroadcastFirst(taken);
    let front = taken & 0xffffu;
    let back = taken >> 16u;
    if (front + back >= turns) {
      if (lane == 0u && front + back == turns + grid.x - 1u) { atomicStore(&queue, 0u); } // every workgroup has found it empty
      break;
    }
    let first = select(front, turns - 1u - back, fromBack) * each;
    for (var index = first; index < min(first + each, count); index++) { tile(index, lane); }
  }
}
#else
#include "lib/grid"

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let index = flat(workgroup, grid);
  if (index < tiles()) { tile(index, lane); }
}
#endif
