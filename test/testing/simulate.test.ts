/** Traces played through limits: each rule of the decision, and each format of a trace. */
import { spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { describeBreach, samples, samplerStats, type Limits, type Snapshot, type MetricText } from '../../src/index.js'
import { readTrace, simulate, type SimulateOptions, type Trace, type TraceSample } from '../../src/testing/index.js'

const N = null

/** One sample per second. */
function seconds(
  values: readonly (number | string | null | undefined)[],
  metric: MetricText = 'memory',
): TraceSample[] {
  return values.map((value, index) => ({ time: index * 1000, values: { [metric]: value } }))
}

/** The breaches of the guard as `[start, end]`, in seconds. */
async function breachesOf(limits: Limits, trace: Trace, options?: SimulateOptions): Promise<unknown[]> {
  const { breaches } = await simulate(limits, trace, options)
  return breaches.map(({ start, end }) => [start / 1000, end === undefined ? undefined : end / 1000])
}

describe('simulate()', () => {
  it('returns when a limit would have been crossed and when it would have recovered', async () => {
    const result = await simulate({ memory: 90 }, seconds([50, 91, 95, 85, 82, 81, 95]))
    expect(result).toMatchObject({ start: 0, end: 6000, samples: 7, gaps: [], unavailable: [] })
    const [first, second] = result.breaches
    expect(result.breaches).toHaveLength(2)
    // The limit counts as clear 10 % inside its line.
    expect(first).toMatchObject({ start: 1000, end: 5000, breach: { value: 91, limit: 90, since: 1000, at: 1000 } })
    expect(second).toMatchObject({ start: 6000, end: undefined })
    expect(describeBreach(first!.breach)).toBe('memory 91.0% > 90.0%')
    expect(first!.breach.recent).toEqual([50, 91])
  })

  it('honors `for`, `clear` and `clearFor`', async () => {
    const limits: Limits = { memory: { above: 90, for: '2s', clear: 70, clearFor: '3s' } }
    const trace = seconds([95, 95, 50, 95, 95, 95, 80, 70, 75, 60, 60, 60, 60, 60])
    const result = await simulate(limits, trace)
    expect(result.breaches).toMatchObject([{ start: 5000, end: 12_000, breach: { since: 3000, at: 5000 } }])
    expect(describeBreach(result.breaches[0]!.breach)).toBe('memory 95.0% > 90.0% for 2s')
  })

  it("honors the metric's own `for`", async () => {
    expect(await breachesOf({ cpu: 80 }, seconds([90, 10, 90, 90, 10], 'cpu'))).toEqual([[3, 4]])
  })

  it('honors `minHold`, whose end lies between samples', async () => {
    const trace = seconds([95, 10, 10, 10, 95, 10])
    expect(await breachesOf({ memory: 90 }, trace)).toEqual([
      [0, 1],
      [4, 5],
    ])
    expect(await breachesOf({ memory: 90 }, trace, { minHold: '2500ms' })).toEqual([
      [0, 2.5],
      [4, undefined],
    ])
  })

  it('honors `mode`, and has each limit by itself', async () => {
    const limits = { memory: 90, load: { above: 2, for: 0 } }
    const trace = [
      { time: '0s', values: { memory: 95, load: 1 } },
      { time: '1s', values: { memory: 95, load: 3 } },
      { time: '2s', values: { memory: 10, load: 3 } },
      { time: '3s', values: { memory: 10, load: 1 } },
    ]
    expect(await breachesOf(limits, trace)).toEqual([[0, 3]])
    const { breaches, limits: single } = await simulate(limits, trace, { mode: 'all', minHold: '1h' })
    expect(breaches).toMatchObject([
      { start: 1000, end: undefined, breaches: [{ metric: 'memory' }, { metric: 'load' }] },
    ])
    expect(single).toMatchObject([
      { metric: 'memory', key: 'memory', direction: 'above', limit: 90, breaches: [{ start: 0, end: 2000 }] },
      { metric: 'load', key: 'load', direction: 'above', limit: 2, breaches: [{ start: 1000, end: 3000 }] },
    ])
  })

  it('treats missing values as `onMissing` says', async () => {
    // One failed read changes nothing; from the second on, the value is unknown.
    const trace = seconds([95, N, 95, N, N, N, 95, 10, N, 10])
    const unknown = await simulate({ memory: 90 }, trace)
    expect(unknown.unavailable).toEqual([
      { start: 4000, end: 6000 },
      { start: 8000, end: 9000 },
    ])
    expect(unknown.breaches.map(({ start, end }) => [start, end])).toEqual([
      [0, 6000],
      [6000, 7000],
    ])
    const ignored = await simulate({ memory: { above: 90, onMissing: 'ignore' } }, seconds([10, N, N, 10]))
    expect(ignored).toMatchObject({ breaches: [], unavailable: [] })
    const breach = await simulate({ memory: { above: 90, onMissing: 'breach' } }, seconds([10, N, N, 10]))
    expect(breach.breaches).toMatchObject([{ start: 1000, end: 3000, breach: { value: NaN } }])
    // A running `for` goes on after one failed read, without the time of that read.
    const dwell = await simulate({ memory: { above: 90, for: '2s' } }, seconds([95, N, 95, 95, 95]))
    expect(dwell.breaches).toMatchObject([{ start: 3000 }])
  })

  it('honors gaps, in which nothing was observed', async () => {
    const limits: Limits = { memory: { above: 90, for: '5s' } }
    const trace = [
      ...seconds([95, 95, 95]),
      { time: 60_000, values: { memory: 95 } },
      { time: 61_000, values: { memory: 95 } },
    ]
    trace.push({ time: 62_000, values: { memory: 95 } })
    const result = await simulate(limits, trace)
    // 2 s of samples, 1 s until the gap begins, and 2 s after it.
    expect(result.breaches).toMatchObject([{ start: 62_000, breach: { since: 57_000 } }])
    expect(result.gaps).toEqual([{ start: 3000, end: 60_000 }])
    expect(await breachesOf(limits, trace, { interval: Infinity })).toEqual([[60, undefined]])
    // Three values in which there is no gap.
    expect(
      await breachesOf(
        limits,
        [0, 2, 7].map((time) => ({ time: `${time}s`, values: { memory: 95 } })),
      ),
    ).toEqual([[7, undefined]])
  })

  it('keeps a hold through a gap', async () => {
    const later = [60, 61, 62].map((second) => ({ time: second * 1000, values: { memory: 10 } }))
    const { breaches } = await simulate({ memory: 90 }, [...seconds([95, 10, 10]), ...later], { minHold: '4500ms' })
    // The 57 s before second 60 do not count.
    expect(breaches).toMatchObject([{ start: 0, end: 61_500 }])
  })

  it('takes a value of its selector, or of the bare metric', async () => {
    const limits: Limits = {
      'disk.free': [
        { below: '1GB', path: '/data' },
        { below: '2GB', path: '/' },
      ],
    }
    const trace = [
      { time: 0, values: { 'disk.free(/data)': '5GB', 'disk.free': '1.5GB' } },
      { time: 1000, values: { 'disk.free(/data)': '0.5GB' } },
    ] satisfies TraceSample[]
    const { limits: single } = await simulate(limits, trace)
    expect(single.map(({ key, breaches }) => [key, breaches.map(({ start }) => start)])).toEqual([
      ['disk.free(/data)', [1000]],
      ['disk.free(/)', [0]],
    ])
  })

  it('knows a metric however it is written', async () => {
    const limits: Limits = {
      'disk.free': { below: '1GB', path: '/data' },
      'process.rss': { above: '1GB', pid: process.pid },
    }
    const own: MetricText = `process.rss(${process.pid})`
    const trace = [{ time: 0, values: { 'disk.free(/data/x/..)': 5, [own]: '2GB' } }]
    expect((await simulate(limits, trace)).limits.map(({ breaches }) => breaches.length)).toEqual([1, 1])
  })

  it('needs no metric of this machine, starts no reading, and leaves nothing behind', async () => {
    const before = samplerStats()?.reads ?? 0
    expect(
      await breachesOf({ undervoltage: 0, temperature: '80C' }, [
        { time: 0, values: { undervoltage: 0, temperature: '79C' } },
        { time: 1, values: { undervoltage: 1, temperature: 60 } },
      ]),
    ).toEqual([[0.001, undefined]])
    expect(samplerStats()).toMatchObject({ guards: 0, limits: 0, series: 0 })
    expect(samplerStats()!.reads).toBe(before)
  })

  it('has times as the trace has them', async () => {
    const day = Date.parse('2026-03-01T12:00:00.000Z')
    const byDate = [0, 1, 2].map((second) => ({
      time: new Date(day + second * 1000),
      values: { memory: second > 0 ? 95 : 5 },
    }))
    const { breaches, start } = await simulate({ memory: { above: 90, for: '1s' } }, byDate)
    expect([start, breaches[0]!.start, breaches[0]!.breach.since]).toEqual([day, day + 2000, day + 1000])
  })

  it('refuses bad input', async () => {
    const bad: [Promise<unknown>, string, RegExp][] = [
      [simulate({ memory: 90 }, []), 'ERR_INVALID_ARG_VALUE', /at least one sample/],
      [simulate({ memory: 90 }, undefined as never), 'ERR_INVALID_ARG_TYPE', /iterable/],
      [simulate({ memory: 90 }, 'text' as never), 'ERR_INVALID_ARG_TYPE', /iterable/],
      [simulate({ memory: 90 }, [7 as never]), 'ERR_INVALID_ARG_TYPE', /trace\[0\]/],
      [simulate({ memory: 90 }, [{ at: 7 } as never]), 'ERR_INVALID_ARG_TYPE', /trace\[0\]/],
      [simulate({ memory: 90 }, seconds([5], 'memroy' as 'memory')), 'ERR_INVALID_ARG_VALUE', /Did you mean 'memory'/],
      [simulate({ memory: 90 }, seconds([5], 'zzzzzzzzzzz' as 'memory')), 'ERR_INVALID_ARG_VALUE', /Known are: cpu/],
      [simulate({ memory: 90 }, seconds([5], 'load')), 'ERR_INVALID_ARG_VALUE', /'memory'.*'load'/],
      [simulate({ memory: 90 }, seconds([101])), 'ERR_OUT_OF_RANGE', /trace\[0\]\.memory/],
      [simulate({ memory: 90 }, seconds(['1GB'])), 'ERR_INVALID_ARG_VALUE', /trace\[0\]\.memory/],
      [
        simulate({ memory: 90 }, [...seconds([1, 2]), ...seconds([3])]),
        'ERR_OUT_OF_RANGE',
        /trace\[2\].*1000 or later/,
      ],
      [simulate({ memory: 90 }, [{ time: '5', values: { memory: 1 } }]), 'ERR_INVALID_ARG_VALUE', /trace\[0\]\.time/],
      [simulate({ memory: 90 }, [{ time: NaN, values: { memory: 1 } }]), 'ERR_OUT_OF_RANGE', /trace\[0\]\.time/],
      [simulate({ memory: 90 }, [{ time: new Date(NaN), values: {} }]), 'ERR_INVALID_ARG_VALUE', /valid date/],
      [
        simulate({ memory: 90 }, [
          { time: 0, values: {} },
          { time: Date.now(), values: {} },
        ]),
        'ERR_OUT_OF_RANGE',
        /30 years/,
      ],
      [simulate({ cpu: { above: 90, over: '10s' } }, seconds([5], 'cpu')), 'ERR_INVALID_ARG_VALUE', /cpu\.over/],
      [simulate({ memory: 90, conditions: { x: () => true } }, seconds([5])), 'ERR_INVALID_ARG_VALUE', /conditions/],
      [simulate({}, seconds([5])), 'ERR_INVALID_ARG_VALUE', /limits/],
      [simulate({ memory: 90 }, seconds([5]), { minHold: '5' }), 'ERR_INVALID_ARG_VALUE', /minHold/],
      [simulate({ memory: 90 }, seconds([5]), { interval: 0 }), 'ERR_OUT_OF_RANGE', /interval/],
      [simulate({ memory: 90 }, seconds([5]), { within: 5 } as never), 'ERR_INVALID_ARG_VALUE', /within/],
    ]
    for (const [result, code, message] of bad) {
      await expect(result).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
    }
    expect(samplerStats()?.guards ?? 0).toBe(0)
  })
})

describe('a trace', () => {
  it('can be the items of samples(): snapshots, blocks, and either after JSON', async () => {
    const snapshots: Snapshot[] = []
    for await (const each of samples({ metrics: ['memory', { metric: 'disk.free', path: '/' }], interval: 5 })) {
      snapshots.push(each)
      if (snapshots.length === 3) break
    }
    const limits: Limits = { memory: { above: 0 }, 'disk.free': { below: 0, path: '/' } }
    const live = await simulate(limits, snapshots)
    expect(live).toMatchObject({ samples: 3, start: snapshots[0]!.at, breaches: [{ start: snapshots[0]!.at }] })
    const lines = snapshots.map((each) => JSON.stringify(each)).join('\n')
    expect((await simulate(limits, readTrace(lines))).breaches).toHaveLength(1)
    for await (const block of samples({ metrics: 'memory', interval: 1, batch: 20 })) {
      const result = await simulate({ memory: { above: 0 } }, [block])
      expect(result).toMatchObject({ samples: 20, start: block.at[0], unavailable: [] })
      break
    }
  })

  it('of blocks treats unknown values as no value at first, and later as missing', async () => {
    const block = {
      at: Float64Array.of(1, 2, 3, 4, 5),
      values: { cpu: Float64Array.of(NaN, NaN, 5, NaN, NaN) },
      missed: 0,
    }
    const { unavailable } = await simulate({ cpu: 90 }, [block])
    expect(unavailable).toEqual([{ start: 4, end: undefined }])
  })

  it('can be the output of `tripline watch --json`', async () => {
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
    const args = [main, 'watch', '--json', '--interval', '20ms', '--for', '100ms', 'memory', 'load']
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    const {
      samples: count,
      breaches,
      start,
    } = await simulate({ memory: { above: 0 }, load: { below: 0 } }, readTrace(stdout))
    expect(count).toBe(stdout.trim().split('\n').length)
    expect(breaches).toHaveLength(1)
    expect(Math.abs(start - Date.now())).toBeLessThan(60_000)
  })

  const lines = [
    '{"at":"2026-03-01T12:00:00.000Z","metrics":{"cpu":null,"memory":50},"limits":[],"unavailable":{}}',
    '',
    '{"at":"2026-03-01T12:00:01.000Z","metrics":{"cpu":10,"memory":95},"limits":[],"unavailable":{}}',
    '{"at":"2026-03-01T12:00:02.000Z","metrics":{"cpu":10,"memory":95},"limits":[],"unavailable":{"memory":"gone – «é»"}}',
  ]
  const expected = { samples: 3, breaches: [{ start: Date.parse('2026-03-01T12:00:01.000Z') }] }

  it('is read from a text, from lines, and from a stream in pieces', async () => {
    const bytes = Buffer.from(`${lines.join('\n')}\n`)
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, index) =>
      bytes.subarray(index * 7, index * 7 + 7),
    )
    const forms = [
      () => lines.join('\n'),
      () => `${lines.join('\r\n')}\r\n`,
      () => lines.filter((line) => line !== ''),
      () => pieces,
      () => Readable.from(pieces),
      () => createInterface({ input: Readable.from(pieces) }),
    ]
    for (const form of forms) {
      const result = await simulate({ memory: { above: 90, onMissing: 'ignore' } }, readTrace(form()))
      expect(result).toMatchObject(expected)
    }
  })

  it('distinguishes values that are not known yet from missing ones', async () => {
    const { unavailable } = await simulate({ cpu: 90, memory: 99 }, readTrace(lines.join('\n')))
    expect(unavailable).toEqual([{ start: Date.parse('2026-03-01T12:00:02.000Z'), end: undefined }])
  })

  it('that is not JSON is refused with the number of the line', async () => {
    for (const text of [`${lines[0]}\nnot json\n`, `${lines[0]}\n{"at":`, `${lines[0]}\n42\n`]) {
      const error = expect.objectContaining({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining('line 2') as string,
      })
      await expect(simulate({ memory: 90 }, readTrace(text))).rejects.toEqual(error)
    }
    expect(() => readTrace(7 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
  })
})

describe('a trace that is not right', () => {
  const VALUES = { memory: 95 }
  const AT = '2026-11-30T10:00:00.000Z'
  const at = new Float64Array([0, 1000])
  it.each([
    ['a recorded time that is not a number', [[{ metric: 'memory', at: NaN, value: 95 }]], 'ERR_OUT_OF_RANGE'],
    [
      'a time in a block that is not a number',
      [{ at: new Float64Array([NaN]), missed: 0, values: {} }],
      'ERR_OUT_OF_RANGE',
    ],
    ['a time beyond all dates', [{ time: 1e300, values: VALUES }], 'ERR_OUT_OF_RANGE'],
    ['no object of reasons', [{ at: AT, metrics: VALUES, unavailable: null }], 'ERR_INVALID_ARG_TYPE'],
    ['a block without values', [{ at, missed: 0, values: null }], 'ERR_INVALID_ARG_TYPE'],
    ['a block with a number for a column', [{ at, missed: 0, values: VALUES }], 'ERR_INVALID_ARG_TYPE'],
    ['a column of texts', [{ at, missed: 0, values: { memory: { 0: 'a', 1: 'b' } } }], 'ERR_INVALID_ARG_TYPE'],
    ['a block with a number for times', [{ at: 5, missed: 0, values: {} }], 'ERR_INVALID_ARG_TYPE'],
    ['a short column', [{ at, missed: 0, values: { memory: new Float64Array(1) } }], 'ERR_INVALID_ARG_TYPE'],
    ['an iterator that cannot be called', { [Symbol.iterator]: 5 }, 'ERR_INVALID_ARG_TYPE'],
    ['numbers for lines', readTrace([5] as never), 'ERR_INVALID_ARG_TYPE'],
  ])('is refused with a code: %s', async (_, trace, code) => {
    await expect(simulate({ memory: 90 }, trace as Trace)).rejects.toMatchObject({ code })
  })

  it('may begin with a byte order mark', async () => {
    const line = '\uFEFF{"time":0,"values":{"memory":95}}\n'
    for (const lines of [line, [Buffer.from(line).subarray(0, 2), Buffer.from(line).subarray(2)]]) {
      expect(await breachesOf({ memory: 90 }, readTrace(lines))).toEqual([[0, undefined]])
    }
  })
})

describe('a block of samples', () => {
  it('may have gone through JSON, which writes NaN as null', async () => {
    const at = Float64Array.from({ length: 12 }, (_, index) => index * 1000)
    const memory = Float64Array.from(at, (_, index) => (index === 11 ? NaN : index < 10 ? 50 : 95))
    const block = { at, missed: 0, values: { memory } }
    const ofBlock = await simulate({ memory: 90 }, [block])
    expect(ofBlock.breaches).toHaveLength(1)
    expect(ofBlock.samples).toBe(12)
    expect(await simulate({ memory: 90 }, readTrace(JSON.stringify(block)))).toEqual(ofBlock)
  })
})
