/** The programs of the recipes to which the README sends its problems, as far as no other test runs them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { CLI, ROOT, runCommand } from '../helpers/child.js'
import { outputOn, patternOf } from './outputs.js'

const pathOf = (name: string): string => join(ROOT, 'examples/recipes', name)

it('an import that takes too much memory ends with what it has done', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-container-'))
  try {
    const file = join(folder, 'done.json')
    const env = { ...process.env, LIMIT: '150MB' }
    const { code, stdout } = await runCommand(process.execPath, [pathOf('container.js'), file], { env })
    expect(code).toBe(75)
    // Another limit than that of the page, which not every machine reaches.
    const measured = { 'memory 90.3% > 90.0%': /process\.rss \d+(?:\.\d+)?MB > 150(?:\.0+)?MB/ }
    expect(stdout).toMatch(patternOf(outputOn('docs/recipes/container.md', 'ended: '), measured))
    const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { rows: number }
    expect(rows).toBeGreaterThan(10)
    expect(rows).toBeLessThan(2000)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

it('jobs that share a runner get their memory, or a message', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-runner-'))
  try {
    const base = { ...process.env, TRIPLINE: `${process.execPath} ${CLI}`, TRIPLINE_RESERVATIONS: folder }
    const job = (env: NodeJS.ProcessEnv, ...words: string[]) =>
      runCommand('/bin/sh', [pathOf('shared-runner.sh'), ...words], { env: { ...base, ...env } })
    expect(await job({ RESERVE: '10MB' }, 'sh', '-c', 'echo built; exit 3')).toMatchObject({
      code: 3,
      stdout: 'built\n',
    })
    // A second job beside the first one finds no CPU left.
    const second = `env -u TRIPLINE_RESERVATION RESERVE=cpu=1 WAIT=100ms sh ${pathOf('shared-runner.sh')} echo never; true`
    const { code, stdout } = await job({ RESERVE: `cpu=${availableParallelism()}` }, 'sh', '-c', second)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'the memory was not free in time\n' })
    // One that waits is listed, as the page shows it. It ends with the first one.
    const waiting = second.replace('100ms', '1h').replace('; true', ' & ')
    const listed = `until line=$(${base.TRIPLINE} doctor | grep 'has waited'); do :; done; echo "$line"`
    const list = await job({ RESERVE: `cpu=${availableParallelism()}` }, 'sh', '-c', waiting + listed)
    const shown = outputOn('docs/recipes/shared-runner.md', 'reserved  ')
    const date = '2026-03-01 10:15:21'
    const figures = {
      make: /echo/,
      '977': /\d+/,
      'user ci': /user \S+/,
      '2.00GB and 2 CPUs': /1 CPU/,
      [date]: /[\d: -]+/,
    }
    expect(list.stdout.trimStart()).toMatch(patternOf(shown, figures))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
