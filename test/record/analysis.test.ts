/** What a recording says of the last minute, and the limits that would have been crossed in time. */
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { guardCode } from '../../src/cli/guard-code.js'
import { parseExpression } from '../../src/monitor/expression.js'
import { describeRun } from '../../src/record/describe-run.js'
import type { RecordedColumn, RecordedInfo } from '../../src/record/format.js'
import { guardsInTime, type TimelyGuard } from '../../src/record/in-time.js'
import { parseRecording, type RecordedFile } from '../../src/record/reader.js'
import { trendsOf, type RecordedMetric } from '../../src/record/trends.js'
import { simulate } from '../../src/testing/index.js'
import { runModule } from '../helpers/child.js'
import { MADE_AT, MadeRecording, type Made } from '../helpers/recording.js'

const column = (metric: string, unit: string, more: Partial<RecordedColumn> = {}): RecordedColumn =>
  ({ metric, unit, window: 0, ...more }) as RecordedColumn

/** A recording of one metric with a row per second. */
function recorded(given: RecordedColumn, values: readonly number[], info: Partial<RecordedInfo> = {}): RecordedFile {
  const rows = values.map((value, index) => ({ at: MADE_AT + index * 1000, values: [value] }))
  const made: Made = { rows, info: { columns: [given], ...info }, shape: { rows: Math.max(1, values.length) } }
  return parseRecording(new MadeRecording(made).bytes, 'made')
}
const line = (length: number, of: (index: number) => number): number[] =>
  Array.from({ length }, (_, index) => of(index))
const trend = (...given: Parameters<typeof recorded>): RecordedMetric => trendsOf(recorded(...given))[0]!
const inTime = (file: RecordedFile): TimelyGuard[] => guardsInTime(file, trendsOf(file))

describe('a metric in the last minute', () => {
  it('has its ends, and how fast it grew', () => {
    const rss = trend(
      column('process.rss', 'bytes'),
      line(100, (each) => 1e8 + each * 1e6),
    )
    expect(rss).toMatchObject({ metric: 'process.rss', first: 1.39e8, last: 1.99e8, lowest: 1.39e8, highest: 1.99e8 })
    expect(rss.perSecond).toBeCloseTo(1e6, -2)
    expect(rss.values).toHaveLength(61)
    expect(rss).toMatchObject({ limit: undefined, timeToLimit: undefined, isNear: false })
  })

  it('has the time to its limit', () => {
    const memory = trend(
      column('memory', '%'),
      line(61, (each) => 30 + each),
    )
    expect(memory).toMatchObject({ limit: 100, isNear: true })
    expect(memory.timeToLimit).toBeCloseTo(10_000, -2)
    const free = trend(
      column('memory.available', 'bytes'),
      line(61, (each) => 7e8 - each * 1e7),
    )
    expect(free).toMatchObject({ limit: 0, isNear: false })
    expect(free.timeToLimit).toBeCloseTo(10_000, -2)
    const heap = trend(
      column('heap.used', 'bytes'),
      line(61, (each) => 1e8 + each * 1e6),
      { heapLimit: 1.7e8 },
    )
    expect(heap).toMatchObject({ limit: 1.7e8, isNear: true })
  })

  it('has the slope of its end if it was steady before', () => {
    const burst = trend(
      column('memory', '%'),
      line(61, (each) => (each < 50 ? 20 + (each % 3) : 22 + (each - 50) * 5)),
    )
    expect(burst.perSecond).toBeGreaterThan(3)
    expect(burst.perSecond).toBeLessThan(6)
  })

  it.each<[string, (index: number) => number]>([
    ['is constant', () => 50],
    ['jumps', (each) => 50 + (each % 7) * 5],
    ['hardly changes', (each) => 50 + each / 100],
    ['is not known', () => NaN],
  ])('has no slope if it %s', (_, of) => {
    expect(trend(column('memory', '%'), line(61, of)).perSecond).toBeUndefined()
  })

  it('has its selector in its name, and is left out if this version does not know it', () => {
    expect(trend(column('disk.free', 'bytes', { selector: '/data' }), [1, 2]).metric).toBe('disk.free(/data)')
    expect(trend(column('process.rss', 'bytes', { pid: 12, tree: true }), [1, 2]).metric).toBe('process.rss(12)')
    expect(trendsOf(recorded(column('future.metric', 'bytes'), [1, 2]))).toEqual([])
    expect(trendsOf(recorded(column('memory', 'bytes'), [1, 2]))).toEqual([])
  })
})

describe('a guard that would have acted in time', () => {
  const leak = recorded(
    column('memory', '%'),
    line(200, (each) => Math.max(20, each / 2)),
  )

  it('has the loosest limit with a lead of ten seconds', () => {
    expect(inTime(leak)).toEqual([{ limits: { memory: 90 }, lead: 18_000, expression: 'memory>90%' }])
  })

  it('is what simulate() says of the samples of the run', async () => {
    const { samples, lastSeenAt } = describeRun(leak)
    const { breaches } = await simulate({ memory: 90 }, samples)
    expect(breaches).toHaveLength(1)
    expect(lastSeenAt - breaches[0]!.start).toBe(18_000)
  })

  it('has a size, and its selector', () => {
    const disk = recorded(
      column('disk.free', 'bytes', { selector: '/data' }),
      line(100, (each) => 1e9 - each * 1e7),
    )
    const [found] = inTime(disk)
    expect(found).toMatchObject({ limits: { 'disk.free': { below: '200MB', path: '/data' } }, lead: 18_000 })
    expect(found!.expression).toBe('disk.free(/data)<200MB')
    expect(() => parseExpression(found!.expression)).not.toThrow()
  })

  it('is for the process itself where nothing else is known', () => {
    const [found] = inTime(
      recorded(
        column('process.rss', 'bytes'),
        line(100, (each) => 1e8 + each * 1e7),
      ),
    )
    expect(found!.limits).toEqual({ 'process.rss': { above: '980MB' } })
  })

  it.each<[string, (index: number) => number]>([
    ['nothing changed', () => 50],
    ['it was crossed and recovered before', (each) => (each % 50 < 40 ? 20 : 97)],
    ['all happened within one row', (each) => (each < 99 ? 20 : 99)],
  ])('is not there where %s', (_, of) => {
    expect(inTime(recorded(column('memory', '%'), line(100, of)))).toEqual([])
  })

  it('is not for another process, which is gone, but for the tree of a command', () => {
    const tree = column('process.rss', 'bytes', { pid: 7, tree: true })
    const values = line(100, (each) => 1e8 + each * 1e7)
    expect(inTime(recorded(tree, values))).toEqual([])
    expect(inTime(recorded(tree, values, { of: 'command' }))).toMatchObject([{ expression: 'process.rss>980MB' }])
  })

  it('is not there without two rows', () => {
    expect(inTime(recorded(column('memory', '%'), []))).toEqual([])
    expect(inTime(recorded(column('memory', '%'), [99]))).toEqual([])
  })
})

describe('the line of code', () => {
  it('runs as it is', async () => {
    const [found] = inTime(
      recorded(
        column('disk.free', 'bytes', { selector: '/' }),
        line(99, (each) => 1e9 - each * 1e7),
      ),
    )
    const code = guardCode(found!.limits).replace(/^import .*?; /, 'const { describeBreach, guard } = tripline; ')
    const { code: status, stderr } = await runModule(`${code}\nconsole.log('made')`)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  it('quotes names that may be anything', () => {
    for (const path of [`/a'b`, '/a\\', '/a\n"`${x}`', '/\u202E\u2028x', `/'});process.exit(9);({a:'`]) {
      const limits = { 'disk.free': { below: '1GB', path } }
      const seen: unknown[] = []
      const text = guardCode(limits).replace(/^import .*?; /, '')
      const guard = (each: unknown): object => (seen.push(each), { on: () => undefined })
      runInNewContext(text, { guard, console })
      expect(seen).toEqual([limits])
    }
  })
})

describe('a run', () => {
  it('has what was under way, its guards, its stderr, and where the loop was blocked', () => {
    const made = new MadeRecording({
      rows: [{ at: MADE_AT, silence: 5000, guards: [3], values: [1, 2] }],
      states: [
        { kind: 'running', number: 812 },
        { kind: 'running', number: 900 },
      ],
      entries: [
        {
          kind: 'guard',
          number: 1,
          text: JSON.stringify({
            name: 'full',
            all: true,
            limits: [
              { metric: 'memory', above: 90, for: 1000 },
              { metric: 'database', condition: true },
            ],
          }),
        },
        { kind: 'blocked', a: 4000, text: 'at crunch (a.js:1:2)' },
      ],
      lines: [{ kind: 'line', text: 'bye' }],
      operations: [{ name: 'import', startedAt: MADE_AT - 1000 }],
    })
    expect(describeRun(parseRecording(made.bytes, 'made'))).toMatchObject({
      pid: 900,
      silence: 5000,
      blocked: { lasted: 4000, stack: 'at crunch (a.js:1:2)' },
      guards: [{ name: 'full', all: true, limits: ['memory > 90.0% for 1s', 'database fails'], state: 'breached' }],
      operations: [{ name: 'import', elapsed: 1000 }],
      underWay: 1,
      stderr: ['bye'],
    })
  })

  it('has no block that was over before the end', () => {
    const made = new MadeRecording({
      rows: [
        { at: MADE_AT, values: [1, 2] },
        { at: MADE_AT + 60_000, values: [1, 2] },
      ],
      entries: [{ kind: 'blocked', a: 4000, text: 'at crunch (a.js:1:2)' }],
    })
    expect(describeRun(parseRecording(made.bytes, 'made')).blocked).toBeUndefined()
  })

  it.each(['', '{', '[]', '{"limits":5}', '{"limits":[5,{},{"metric":"x"},{"metric":"memory","above":"x"}]}'])(
    'has a guard without limits where its entry is %j',
    (text) => {
      const made = new MadeRecording({
        rows: [{ at: MADE_AT, guards: [1], values: [1, 2] }],
        entries: [{ kind: 'guard', number: 1, text }],
      })
      const { guards } = describeRun(parseRecording(made.bytes, 'made'))
      expect(guards).toEqual([{ name: '', all: false, limits: [], state: 'clear' }])
    },
  )
})
