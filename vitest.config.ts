import { defineConfig } from 'vitest/config';

// Dawn is stable in forked processes, not in worker threads. Two files at a time: while one reads files, draws pictures or computes in
// float64, a software driver has the cores for the other; a third would only share them.
// What a tuner has measured on this machine must not change what is tested.
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    env: { CLEW_TUNE: 'off' },
  },
});
