import { defineConfig } from 'vitest/config';

// Dawn is stable in forked processes, not in worker threads; one file at a time keeps two cores free for the GPU driver.
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
