// Index of a workgroup in a grid that linearGrid() folded into two dimensions.
fn flat(workgroup: vec3u, grid: vec3u) -> u32 { return workgroup.y * grid.x + workgroup.x; }
