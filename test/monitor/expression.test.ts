/** Limits as text, as the command line takes them. */
import { describe, expect, it } from 'vitest'
import { parseAbove, parseExpression } from '../../src/monitor/expression.js'

describe('a limit as text', () => {
  it.each([
    ['process.rss>150MB', 'process.rss', { above: 150e6 }],
    ['memory > 90% for 2s clear 80', 'memory', { above: 90, for: 2000, clear: 80 }],
    ['memory>90 for 2s', 'memory', { above: 90, for: 2000 }],
    ['load>4 for 5s', 'load', { above: 4, for: 5000 }],
    ['cpu>90 over 2s for 10s', 'cpu', { above: 90, over: 2000, for: 10_000 }],
    ['disk(/data) > 95', 'disk', { above: 95, path: '/data' }],
    ['pressure.io(group)>20', 'pressure.io', { above: 20, scope: 'group' }],
    ['gpu(card1)>90%', 'gpu', { above: 90, gpu: 'card1' }],
    ['disk.free(/a b)<500MiB', 'disk.free', { below: 500 * 2 ** 20, path: '/a b' }],
    ['process.rss(17)>1GB', 'process.rss', { above: 1e9, pid: 17 }],
    ['network.rx > 1MB/s', 'network.rx', { above: 1e6 }],
    ['memory\t>\n90 for 2s', 'memory', { above: 90, for: 2000 }],
    ['temperature<-5 clear -4C', 'temperature', { below: -5, clear: -4 }],
    ['temperature>80C for 2s', 'temperature', { above: 80, for: 2000 }],
  ])('%s', (text, metric, limit) => {
    expect(parseExpression(text)).toEqual({ metric, limit })
  })

  it.each([
    ['memroy>90', /Did you mean 'memory'.*\n {2}memroy>90\n {2}\^$/s],
    ['memory 90', /expected '>' or '<'\n {2}memory 90\n {2} {7}\^$/s],
    ['memory>', /expected a percentage from 0 to 100\n {2}memory>\n {2} {7}\^$/s],
    ['memory>=90', /'>=' and '<=' are not supported/],
    ['memory>150', /0 to 100/],
    ['memory>-5%', /expected a percentage from 0 to 100\n {2}memory>-5%\n {2} {9}\^$/s],
    ['process.rss>150', /size with its unit/],
    ['memory.available<1G', /GB is powers of 1000, GiB of 1024\n {2}memory\.available<1G\n {2} {17}\^$/s],
    ['memory>90 until 5s', /'until' is not a unit of 'memory': .*\n {2}memory>90 until 5s\n {2} {10}\^$/s],
    ['load>4x', /'x' is not a unit of 'load': expected a number without a unit\n {2}load>4x\n {2} {6}\^$/s],
    ['memory>90 for 1s for 2s', /'for' was given twice\n.*\n {2} {17}\^$/s],
    ['cpu>80 clear 90', /expected at most 80\n {2}cpu>80 clear 90\n {2} {13}\^$/s],
    ['memory>80 over 2s', /'memory' is a level.*\n.*\n {2} {15}\^$/s],
    ['process.rss(abc)>1GB', /expected a process id\n.*\n {2} {12}\^$/s],
    ['disk()>80', /expected a path/],
    ['pressure.io(host)>80', /expected 'machine' or 'group'/],
    ['memory\t>80\nfro 2s', /\n {2}memory >80 fro 2s\n {2} {11}\^$/s],
    ['memory>90% until 5s', /expected 'for'/],
    ['memory>90 for 5 parsecs', /parsecs/],
    ['throttled>1', /expected 0: 'throttled' is 0 or 1, .*\n {2}throttled>1\n {2} {10}\^$/s],
    ['memory(/)>90', /takes no selector/],
    ['', /^Expected a limit such as 'memory>90%'; received an empty one$/],
    [' \t', /^Expected a limit such as 'memory>90%'; received an empty one$/],
    ['>90', /expected the name of a metric/],
  ])('%j points at what is wrong', (text, message) => {
    expect(() => parseExpression(text)).toThrow(message)
  })
})

describe('a limit with its own option', () => {
  it.each([
    ['1GB for 2s', { above: 1e9, for: 2000 }],
    [' 64MiB', { above: 2 ** 26 }],
    ['50%', { above: 500 }],
    ['12.5% for 1s', { above: 125, for: 1000 }],
  ])('%j', (text, limit) => {
    expect(parseAbove('--memory', 'process.footprint', text, () => 1000)).toEqual({
      metric: 'process.footprint',
      limit,
    })
  })

  it.each([
    ['500', /expected a size with its unit.* or a share such as '50%'\n {2}--memory 500\n {2} {9}\^$/s],
    ['1G', /GB is powers of 1000, GiB of 1024\n {2}--memory 1G\n {2} {9}\^$/s],
    ['101%', /expected 0 to 100 \(%\)\n {2}--memory 101%\n {2} {9}\^$/s],
    ['0B', /more than 0/],
    ['1GB fro 2s', /expected 'for', .*\n {2}--memory 1GB fro 2s\n {2} {13}\^$/s],
  ])('%j is shown as it was written', (text, message) => {
    expect(() => parseAbove('--memory', 'process.footprint', text, () => 1000)).toThrow(message)
  })
})
