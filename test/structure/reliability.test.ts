/** The page of the nets: nothing that failed or was not run is left out, and the committed page has every net. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { emptyFigure, NETS } from '../../scripts/reliability/nets.js'
import { nativeCounts, nativeRuns } from '../../scripts/lib/native-tests.js'
import { reliabilityPage, type Run } from '../../scripts/reliability/page.js'
import { ROOT } from '../helpers/child.js'

const NETS_OF_TEST = [
  { name: 'unit', title: 'Unit tests', purpose: 'Small ones.', command: 'npm test', cases: /^passed$/ },
  { name: 'errors', title: 'Errors', purpose: 'Mutants.', command: 'npm run e', tried: /^tried$/, killed: /^killed$/ },
  { name: 'calls', title: 'Calls', purpose: 'Faults.', command: 'npm run c', executions: /^runs$/, faults: /^faults$/ },
]

function run(name: string, counts: Record<string, number>, more: Partial<Run> = {}): Run {
  const fixed = {
    command: 'npm test',
    date: '2026-02-03T04:05:06.000Z',
    commit: 'abc',
    machine: '2 x fast',
    passed: true,
  }
  return { ...fixed, name, minutes: 1.25, counts, ...more }
}

/** The cells of a net's row. */
function rowOf(page: string, title: string): string[] {
  const line = page.split('\n').find((each) => each.startsWith(`| [${title}]`) || each.startsWith(`| **${title}`)) ?? ''
  return line
    .split('|')
    .slice(2, -1)
    .map((each) => each.trim())
}

const WHOLE = [
  run('calls', { runs: 7, faults: 1200 }),
  run('errors', { tried: 40, killed: 38, seed: 12345 }),
  run('unit', { passed: 2000, files: 300 }),
  run('stranger', { passed: 5 }),
]

describe('a net that has counted nothing', () => {
  it.each(NETS.map(({ name }) => name))('does not pass: %s', (name) => {
    expect(emptyFigure(name, {})).toMatch(/^it has counted no \w/)
  })

  it.each<[string, string, Record<string, number>]>([
    ['no test', 'unit', { passed: 0, files: 12 }],
    ['no test although some failed', 'unit', { failed: 3 }],
    ['no mutant', 'errors', { tried: 0, killed: 0 }],
    ['no mutant that was noticed', 'errors', { tried: 5, killed: 0 }],
    ['no run', 'calls', { runs: 0, faults: 5 }],
    ['no fault', 'calls', { runs: 5 }],
  ])('does not pass: %s', (_, name, counts) => {
    expect(emptyFigure(name, counts, NETS_OF_TEST)).toMatch(/^it has counted no \w/)
  })

  it('is another one than those that have', () => {
    expect(emptyFigure('unit', { passed: 1 }, NETS_OF_TEST)).toBeUndefined()
    expect(emptyFigure('errors', { tried: 2, killed: 1 }, NETS_OF_TEST)).toBeUndefined()
    expect(emptyFigure('calls', { runs: 1, faults: 1 }, NETS_OF_TEST)).toBeUndefined()
    // A part of a net, and what is not on the page.
    expect(emptyFigure(undefined, {}, NETS_OF_TEST)).toBeUndefined()
    expect(emptyFigure('stranger', {}, NETS_OF_TEST)).toBeUndefined()
  })
})

describe('the native tests', () => {
  it('are counted as their programs do', () => {
    expect(nativeCounts('  skipped: why\n2 skipped\n709 passed, 1 failed\n')).toEqual({
      passed: 709,
      failed: 1,
      leftOut: 2,
    })
    expect(nativeCounts('12 passed, 0 failed\n')).toEqual({ passed: 12, failed: 0, leftOut: 0 })
    expect(nativeCounts('it died')).toEqual({ passed: 0, failed: 0, leftOut: 0 })
  })

  it('are counted for each of several programs', () => {
    expect(nativeRuns('2 skipped\n709 passed, 0 failed\n  skipped: why\n1 skipped\n0 passed, 0 failed\n')).toEqual([
      { passed: 709, failed: 0, leftOut: 2 },
      { passed: 0, failed: 0, leftOut: 1 },
    ])
    // A program that ended early has counted nothing.
    expect(nativeRuns('5 passed, 0 failed\n1 skipped\n')).toHaveLength(1)
  })
})

describe('the page of the nets', () => {
  it('has the figures of each, and their sums', () => {
    const page = reliabilityPage(NETS_OF_TEST, WHOLE)
    const rest = ['1.3', '2026-02-03', '`abc`']
    expect(rowOf(page, 'Unit tests')).toEqual(['passed', '2,000', '-', '-', '-', '-', '-', ...rest])
    expect(rowOf(page, 'Errors')).toEqual(['passed', '-', '-', '-', '40', '38', '-', ...rest])
    expect(rowOf(page, 'Calls')).toEqual(['passed', '-', '7', '-', '-', '-', '1,200', ...rest])
    expect(rowOf(page, 'all')).toEqual(['3 nets passed', '2,000', '7', '0', '40', '38', '1,200', '3.8', '', ''])
    expect(page).toContain('All 3 nets passed.')
    expect(page).toContain('**Commit**: `abc`')
    expect(page).toContain('**Machine**: 2 x fast')
    expect(page).toContain('40 tried, 38 killed, seed 12345.')
    expect(page).not.toContain('stranger')
  })

  it('shows what failed, and why', () => {
    const failed = run('errors', { tried: 40, killed: 20 }, { passed: false, why: 'exit status 1 | `x`\n# no' })
    const page = reliabilityPage(NETS_OF_TEST, [...WHOLE.filter(({ name }) => name !== 'errors'), failed])
    expect(rowOf(page, 'Errors').slice(0, 6)).toEqual(['**failed**', '-', '-', '-', '40', '20'])
    expect(rowOf(page, 'all')[0]).toBe('2 nets passed')
    expect(page).toContain('2 of 3 nets passed. **Failed: Errors.**')
    expect(page).toContain('**Failed**: exit status 1 x # no. 40 tried')
    expect(page).not.toContain('All 3')
  })

  it('shows what was not run', () => {
    const page = reliabilityPage(NETS_OF_TEST, WHOLE.slice(0, 2))
    expect(rowOf(page, 'Unit tests')).toEqual(['**not run**', ...Array.from({ length: 9 }, () => '-')])
    expect(page).toContain('2 of 3 nets passed. **Not run: Unit tests.**')
    expect(page).toContain('Not run here. `npm test`')
    expect(reliabilityPage(NETS_OF_TEST, [])).toContain('There are no figures yet.')
  })

  it('says which figures come from which commit', () => {
    const page = reliabilityPage(NETS_OF_TEST, [
      ...WHOLE.slice(0, 2),
      run('unit', { passed: 1 }, { commit: 'def+changes' }),
    ])
    expect(page).toContain('**Commits**: `def+changes`, `abc`. The nets were not all run on the same one')
    expect(rowOf(page, 'Unit tests').at(-1)).toBe('`def+changes`')
    expect(rowOf(page, 'Calls').at(-1)).toBe('`abc`')
  })

  it('as it is committed has every net, with its result', () => {
    const page = readFileSync(join(ROOT, 'docs/reliability.md'), 'utf8')
    for (const { title, purpose } of NETS) {
      expect(rowOf(page, title)[0] ?? 'missing', `${title}: run npm run test:all -- --write`).toMatch(
        /^(?:passed|\*\*(?:failed|not run)\*\*)$/,
      )
      expect(page).toContain(purpose)
    }
  })
})
