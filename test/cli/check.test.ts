/** `tripline check`: exit statuses and output. */
import { describe, expect, it } from 'vitest'
import { tripline } from '../helpers/cli.js'

const ABOVE_NOTHING = 'memory.available>1MB'
const ABOVE_ALL = 'memory.available>1000TB'

describe('tripline check', () => {
  it('exits with 0 without output if no limit is crossed', async () => {
    expect(await tripline('check', ABOVE_ALL, 'process.rss(1)>1000TB')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
  })

  it('exits with 1 and prints the limits that are crossed, and with -v the others too', async () => {
    const { code, stdout, stderr } = await tripline('check', ABOVE_ALL, ABOVE_NOTHING)
    expect([code, stderr]).toEqual([1, ''])
    expect(stdout).toMatch(/^crossed {2}memory\.available>1MB {2}memory\.available .*B > 1\.00MB\n$/)
    const verbose = await tripline('check', '-v', ABOVE_ALL, ABOVE_NOTHING)
    expect(verbose.code).toBe(1)
    expect(verbose.stdout).toMatch(/^(?:clear|pending) +memory\.available>1000TB .*\ncrossed .*\n$/)
  })

  it('prints nothing with -q', async () => {
    expect(await tripline('check', '-q', ABOVE_NOTHING)).toMatchObject({ code: 1, stdout: '', stderr: '' })
  })

  it('waits for the windows of rates, and for the time in "for"', async () => {
    expect(await tripline('check', '--json', 'cpu>100', 'network.rx(lo)>1000TB/s')).toMatchObject({ code: 0 })
    const { code, stdout } = await tripline('check', `${ABOVE_NOTHING} for 300ms`)
    expect(code).toBe(1)
    expect(stdout).toMatch(/ > 1\.00MB for \d/)
  })

  it('prints JSON', async () => {
    const { code, stdout } = await tripline('check', '--json', ABOVE_NOTHING)
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      crossed: true,
      limits: [{ limit: ABOVE_NOTHING, state: 'crossed', value: expect.any(Number) as number, unit: 'bytes' }],
    })
  })

  it.each<[args: string[], says: RegExp]>([
    [[], /^tripline: Say which limits to check/],
    [['memroy>90%'], /Did you mean 'memory'\?\n/],
    [['memory'], /expected '>' or '<'/],
    [['process.rss(4194303)>1GB'], /process\.rss/],
    [['network.rx(nonesuch)>1MB/s'], /no interface "nonesuch"/],
    [['process.rss>1MB'], /that is tripline itself; name a process, as in 'process\.rss\(123\)'/],
    [['heap>1'], /known inside a program only/],
    [['-q', '--json', 'memory>90%'], /--quiet and --json exclude each other/],
    [['--within', '1ms', 'cpu>100'], /'cpu>100': no value within 1ms: /],
    [['--within', '59s', `${ABOVE_NOTHING} for 1m`], /'memory\.available>1MB for 1m': 60s is longer than --within/],
  ])('exits with 125 for %j', async (args, says) => {
    const { code, stdout, stderr } = await tripline('check', ...args)
    expect([code, stdout]).toEqual([125, ''])
    expect(stderr).toMatch(says)
  })
})
