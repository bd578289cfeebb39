import { defineConfig } from 'vitest/config'

// `npm test` leaves out the slow ones, which have `.slow` in their names; `npm run test:slow` runs only them.
const isSlow = process.env['TRIPLINE_SLOW_TESTS'] === '1'

export default defineConfig({
  test: {
    include: [isSlow ? 'test/**/*.slow.test.ts' : 'test/**/!(*.slow).test.ts'],
    // Waiting is for events; this is only the bound after which something is surely stuck.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Twice as many as the smallest supported machine has cores: half of the time is spent waiting for events.
    maxWorkers: 4,
  },
})
