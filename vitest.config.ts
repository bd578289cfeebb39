/** Which tests run when, and how long they may wait. */
import { defineConfig } from 'vitest/config'

// `npm test` leaves out the slow ones, which have `.slow` in their names, and those against real frameworks and services, which
// are in test/integrations; `npm run test:slow` and `npm run test:integrations` run only them.
const EVERYDAY = 'test/!(integrations)/**/!(*.slow).test.ts'
const KINDS: Readonly<Record<string, string>> = {
  slow: 'test/**/*.slow.test.ts',
  // For scripts/test-stand-in.js.
  commands: 'test/{cli,run}/**/*.test.ts',
  integrations: 'test/integrations/**/*.test.ts',
}

export default defineConfig({
  test: {
    include: [KINDS[process.env['TRIPLINE_TESTS'] ?? ''] ?? EVERYDAY],
    // A test without an assertion fails. What is polled for may take long on a busy machine.
    expect: { requireAssertions: true, poll: { timeout: 20_000 } },
    // Waiting is for events; this is only the bound after which something is surely stuck. Integrations load the machine.
    testTimeout: process.env['TRIPLINE_TESTS'] === 'integrations' ? 120_000 : 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Twice as many as the smallest supported machine has cores: half of the time is spent waiting for events.
    maxWorkers: 4,
  },
})
