import { spawnSync } from 'node:child_process';

/** Debian's python3-torch: makes fresh files and reads ours where it is installed; committed fixtures are tested everywhere. */
export const python = '/usr/bin/python3';

export const hasTorch = spawnSync(python, ['-c', 'import torch']).status === 0;
