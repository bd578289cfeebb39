/** `tripline run --reserve`: what it takes, how it waits, and its exit statuses. */
import { mkdtempSync, readdirSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Background, tripline } from '../helpers/cli.js'
import { eventually } from '../helpers/eventually.js'

const ALL = `cpu=${cpus().length}`
let folder = ''

/** The files of all owners, without those that are being written: each owner renews its own once per second. */
const lasting = (): string[] => readdirSync(folder).filter((name) => !name.endsWith('.new'))

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tripline-cli-reserve-'))
  process.env['TRIPLINE_RESERVATIONS'] = folder
})
afterEach(() => {
  delete process.env['TRIPLINE_RESERVATIONS']
})

describe('--reserve', () => {
  it.each([
    ['2', /with a unit .*received '2'/],
    ['2G', /MB is 10\^6 bytes.*received '2G'/],
    ['', /takes a size/],
    ['0MB', /more than 0/],
    ['1000TB', /memory must be at most [\d.]+[GT]B, which is all that .+ has; received '1000TB'/],
    ['cpu=100000', /cpu must be at most \d+, which is all that this machine has/],
    ['cpu=0', /number of CPUs above 0/],
    ['cpu=two', /number of CPUs above 0/],
    ['gpu=1', /takes a size, or sizes and CPUs/],
    ['1MB,2MB', /two values for memory/],
  ])('refuses %s at once', async (text, message) => {
    const { code, stdout, stderr } = await tripline('run', '--reserve', text, 'echo', 'started')
    expect([code, stdout]).toEqual([125, ''])
    expect(stderr).toMatch(message)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  it.each(['', '../../etc', 'a b', 'a\nb', '\u001b[31m', 'x'.repeat(65)])('refuses the lane %j', async (lane) => {
    const { code, stdout, stderr } = await tripline('run', '--reserve', '1MB', '--lane', lane, 'echo', 'started')
    expect([code, stdout]).toEqual([125, ''])
    expect(stderr).toMatch(/^tripline: --lane must be 1 to 64 letters/)
  })

  it('is what --lane and --wait are about', async () => {
    expect((await tripline('run', '--lane', 'x', 'true')).stderr).toContain('--lane needs --reserve')
    expect((await tripline('run', '--wait', '1', 'true')).stderr).toContain('--wait needs --start-when or --reserve')
  })

  it('passes the command and its status through, and leaves nothing', async () => {
    const { code, stdout } = await tripline(
      'run',
      '--reserve',
      `1MB,${ALL}`,
      '--lane',
      'ä-1',
      'sh',
      '-c',
      'echo out; exit 7',
    )
    expect([code, stdout]).toEqual([7, 'out\n'])
    expect(readdirSync(folder)).toEqual([])
  })

  it('exits with 122, or the chosen status, when the wait is over, and says what is held', async () => {
    using holder = new Background('run', '--reserve', ALL, 'sh', '-c', 'echo held; sleep 60')
    await holder.shows('held')
    const report = join(folder, 'report')
    // Long enough for a look at what is held, on a busy machine, too.
    const late = await tripline('run', '--reserve', 'cpu=1', '--wait', '3s', '--report', report, 'echo', 'started')
    expect([late.code, late.stdout]).toEqual([122, ''])
    expect(late.stderr).toMatch(/^tripline: never started echo: .*not free within 3s: .*held by sh \(pid \d+, /)
    const chosen = await tripline('run', '--reserve', 'cpu=1', '--wait', '1ms', '--exit-code', '9', '-q', 'true')
    expect([chosen.code, chosen.stderr]).toEqual([9, ''])
    const { stdout } = await tripline('doctor')
    expect(stdout).toMatch(/ {2}reserved +sh \(pid \d+(?:, user \w+)?\) holds \d+ CPUs? since [\d-]+ [\d:]+ UTC/)
  })

  it('withdraws its claim when a signal ends the wait', async () => {
    using holder = new Background('run', '--reserve', ALL, 'sh', '-c', 'echo held; sleep 60')
    await holder.shows('held')
    const before = lasting()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      using waiting = new Background('run', '--reserve', 'cpu=1', 'echo', 'started')
      await eventually(() => lasting().length === before.length + 2)
      waiting.child.kill(signal)
      await waiting.ended
      expect(waiting.child.signalCode).toBe(signal)
      expect(lasting()).toEqual(before)
    }
  })
})
