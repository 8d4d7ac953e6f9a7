import { defineConfig } from 'vitest/config';

// Dawn is stable in forked processes, not in worker threads; one file at a time keeps two cores free for the GPU driver.
// What a tuner has measured on this machine must not change what is tested.
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    env: { CLEW_TUNE: 'off' },
  },
});
