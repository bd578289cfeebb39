import { describe, expect, it } from 'vitest'
import { parseExpression } from '../../src/cli/expression.js'

describe('a limit as a person writes it', () => {
  it.each([
    ['process.rss>150MB', 'process.rss', { above: 150e6 }],
    ['memory > 90% for 2s clear 80', 'memory', { above: 90, for: 2000, clear: 80 }],
    ['memory>90 for 2s', 'memory', { above: 90, for: 2000 }],
    ['load>4 for 5s', 'load', { above: 4, for: 5000 }],
    ['cpu>90 over 2s for 10s', 'cpu', { above: 90, over: 2000, for: 10_000 }],
    ['disk(/data) > 95', 'disk', { above: 95, path: '/data' }],
    ['disk.free(/a b)<500MiB', 'disk.free', { below: 500 * 2 ** 20, path: '/a b' }],
    ['process.rss(17)>1GB', 'process.rss', { above: 1e9, pid: 17 }],
    ['temperature>80C for 2s', 'temperature', { above: 80, for: 2000 }],
  ])('%s', (text, metric, limit) => {
    expect(parseExpression(text)).toEqual({ metric, limit })
  })

  it.each([
    ['memroy>90', /Did you mean 'memory'.*\n {2}memroy>90\n {2}\^$/s],
    ['memory 90', /expected '>' or '<'\n {2}memory 90\n {2} {7}\^$/s],
    ['memory>', /expected a value/],
    ['memory>150', /0 to 100/],
    ['process.rss>150', /size with its unit/],
    ['memory>90 until 5s', /'90 until'/],
    ['memory>90% until 5s', /expected 'for'/],
    ['memory>90 for 5 parsecs', /parsecs/],
    ['memory(/)>90', /takes no selector/],
    ['', /expected the name of a metric/],
  ])('%j points at what is wrong', (text, message) => {
    expect(() => parseExpression(text)).toThrow(message)
  })
})
