/** Names and numbers of signals. */
import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { REAL_TIME, findSignal, signalName, signalNumber } from '../../src/run/signals.js'

describe('signals', () => {
  it('have the names and numbers of the system', () => {
    for (const [name, number] of Object.entries(constants.signals)) {
      expect(signalNumber(name)).toBe(number)
      expect(signalNumber(signalName(number))).toBe(number)
    }
    expect(signalNumber('SIGNONE')).toBeUndefined()
    expect(signalNumber('constructor')).toBeUndefined()
  })

  it.each([
    ['TERM', 15],
    ['sigterm', 15],
    ['SIGTERM', 15],
    ['15', 15],
  ])('are found by %s', (text, number) => {
    expect(signalNumber(findSignal(text)!)).toBe(number)
  })

  it.runIf(process.platform === 'linux').each([
    ['RTMIN', 34],
    ['sigrtmin+1', 35],
    ['RTMAX', 64],
    ['RTMAX-2', 62],
    ['RTMIN+30', 64],
    ['64', 64],
    ['34', 34],
  ])('are found by %s if they are real-time ones', (text, number) => {
    expect(signalNumber(findSignal(text)!)).toBe(number)
    expect(REAL_TIME).toContain(number)
  })

  it.each([
    '',
    '0',
    '32',
    '33',
    '65',
    '-1',
    'RTMIN+31',
    'RTMIN-1',
    'RTMAX+1',
    'RTMAX-31',
    'RTMIN+',
    'TERM+1',
    'toString',
  ])('are not found by %j', (text) => {
    expect(findSignal(text)).toBeUndefined()
  })
})
