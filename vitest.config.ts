import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Waiting is for events; this is only the bound after which something is surely stuck.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // One more than the smallest supported machine has cores: a third of the time is spent waiting for events.
    maxWorkers: 3,
  },
})
