/** What native code watches for each source while a thread is blocked: a source cancels when all tests of a term are true. */
import { constants } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { kLinks } from '../../src/cancelable/operation.js'
import { TEST_GUARD, TEST_SHARED, TEST_SIGNAL, TEST_TIME, type Term } from '../../src/engine/watching.js'
import {
  allOf,
  anyOf,
  Cancelable,
  CancelationToken,
  guard,
  named,
  ResourceSource,
  SignalSource,
  TimeoutSource,
  type CancelationSource,
} from '../../src/index.js'
import { useClock } from '../../src/testing/index.js'

const entered: Cancelable[] = []
afterEach(() => {
  for (const each of entered.splice(0)) each[Symbol.dispose]()
})

function enter(...sources: CancelationSource[]): Cancelable {
  const operation = new Cancelable({ sources }).enter()
  entered.push(operation)
  return operation
}

function termsOf(operation: Cancelable): Term[] {
  const terms: Term[] = []
  for (let link = operation[kLinks]; link !== null; link = link.sibling) terms.push(...link.terms())
  return terms
}

/** The kinds of the tests of each term. */
const kindsOf = (operation: Cancelable): number[][] => termsOf(operation).map((term) => term.map(({ kind }) => kind))

const hour = 3_600_000
const inAnHour = new TimeoutSource('1h')

test('a time: until it is over', () => {
  const before = performance.now()
  const operation = enter(inAnHour)
  const after = performance.now()
  const [[{ kind, value }]] = termsOf(operation) as [[Term[0]]]
  expect(kind).toBe(TEST_TIME)
  expect(value).toBeGreaterThanOrEqual(before + hour)
  expect(value).toBeLessThanOrEqual(after + hour)
  expect(termsOf(enter(new TimeoutSource(Infinity)))).toEqual([])
})

test('a time on a test clock cannot be watched', () => {
  using _ = useClock()
  expect(termsOf(enter(inAnHour))).toEqual([])
  const idle = new Cancelable({ idle: '1h' }).enter()
  entered.push(idle)
  expect(termsOf(idle)).toEqual([])
})

test('idle: when it ends at the latest, which a sign of life postpones', () => {
  const operation = new Cancelable({ idle: '1h' }).enter()
  entered.push(operation)
  const [[{ kind, value }]] = termsOf(operation) as [[Term[0]]]
  expect(kind).toBe(TEST_TIME)
  const between = performance.now()
  expect(value).toBeLessThanOrEqual(between + hour)
  operation.touch()
  expect(termsOf(operation)[0]![0]!.value).toBeGreaterThanOrEqual(between + hour)
})

test('a token: the word that it shares with other threads, its own and those above it', () => {
  const token = new CancelationToken()
  const operation = new Cancelable({ token }).enter()
  entered.push(operation)
  expect(termsOf(operation)).toEqual([])
  const { buffer } = token.share()
  const [[{ kind, words, value }]] = termsOf(operation) as [[Term[0]]]
  expect([kind, value, words!.buffer]).toEqual([TEST_SHARED, 3, buffer])
})

test('a guard: its flag, and the breaches before the start do not count', () => {
  using hot = guard({ 'process.rss': '1TB' })
  const [[{ kind, except }]] = termsOf(enter(new ResourceSource(hot))) as [[Term[0]]]
  expect([kind, except]).toEqual([TEST_GUARD, 0])
  using dry = guard({ 'process.rss': '1TB' }, { dryRun: true })
  expect(termsOf(enter(new ResourceSource(dry)))).toEqual([])
})

test('signals: each of them', () => {
  const operation = enter(new SignalSource('SIGTERM', 'SIGHUP'))
  const { SIGTERM, SIGHUP } = constants.signals
  expect(termsOf(operation).map(([each]) => [each!.kind, each!.value])).toEqual([
    [TEST_SIGNAL, SIGTERM],
    [TEST_SIGNAL, SIGHUP],
  ])
  termsOf(operation)[1]![0]!.happened!()
  expect(operation.reason).toMatchObject({ kind: 'signal', signal: 'SIGHUP' })
})

describe('composites', () => {
  const signal = new SignalSource('SIGTERM')

  test('any: the terms of all parts; all: every combination of them', () => {
    expect(kindsOf(enter(anyOf(inAnHour, signal)))).toEqual([[TEST_TIME], [TEST_SIGNAL]])
    expect(kindsOf(enter(allOf(inAnHour, signal)))).toEqual([[TEST_TIME, TEST_SIGNAL]])
    expect(kindsOf(enter(allOf(inAnHour, anyOf(signal, inAnHour))))).toEqual([
      [TEST_TIME, TEST_SIGNAL],
      [TEST_TIME, TEST_TIME],
    ])
    expect(kindsOf(enter(named('release', signal)))).toEqual([[TEST_SIGNAL]])
  })

  test('all: parts that have come true need no test, and one that cannot be watched never comes true', () => {
    const token = new CancelationToken()
    const operation = enter(allOf(inAnHour, signal, token))
    expect(kindsOf(operation)).toEqual([])
    token.cancel()
    expect(kindsOf(operation)).toEqual([[TEST_TIME, TEST_SIGNAL]])
  })
})
