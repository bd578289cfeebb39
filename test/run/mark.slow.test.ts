/** `TRIPLINE_RUN`: by what the processes of a command are recognized, and what that means for processes that have it too. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from '../../src/index.js'
import { makeTag } from '../helpers/cli.js'
import { PACKAGE, runModule } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-mark-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Starts a command; returns its mark, its process, the one that holds its tree together, and its end. */
async function startMarked(): Promise<{ mark: string; parent: number; pid: number; end: ReturnType<typeof run> }> {
  const file = join(folder, makeTag())
  const end = run('bash', ['-c', `echo "$TRIPLINE_RUN $PPID $$" > ${file}.new; mv ${file}.new ${file}; exec sleep 60`])
  await eventually(() => existsSync(file))
  const [mark, parent, pid] = readFileSync(file, 'utf8').trim().split(' ')
  return { mark: mark!, parent: Number(parent), pid: Number(pid), end }
}

/** A process of its own with this mark. */
const sleepWith = (mark: string): ReturnType<typeof spawn> =>
  spawn('sleep', ['60'], { env: { ...process.env, TRIPLINE_RUN: mark }, stdio: 'ignore' })

describe('the mark of a run in the environment', () => {
  it('differs per run, in a process and among processes', async () => {
    const print = `console.log(process.env.TRIPLINE_RUN)`
    const runTwice = `for (let i = 0; i < 2; i++) await tripline.run(process.execPath, ['-e', ${JSON.stringify(print)}])`
    const outcomes = await Promise.all([runModule(runTwice), runModule(runTwice)])
    const marks = outcomes.flatMap(({ stdout }) => stdout.trim().split('\n'))
    expect(marks).toHaveLength(4)
    for (const mark of marks) expect(mark).toMatch(/^(?:[^:]+:)*\d+\.[\da-z]+\.\d+$/)
    expect(new Set(marks).size).toBe(4)
  })

  it('is that of the outer run too, in a run within another', async () => {
    const { stdout } = await runModule(`
      const inner = ${JSON.stringify(`import(${JSON.stringify(PACKAGE)}).then(({ run }) => run('printenv', ['TRIPLINE_RUN']))`)}
      await tripline.run('sh', ['-c', 'printenv TRIPLINE_RUN; exec "$0" -e "$1"', process.execPath, inner])`)
    const [outer, both] = stdout.trim().split('\n')
    expect(both).toMatch(new RegExp(`^${outer!.replaceAll('.', '\\.')}:\\d+\\.[\\da-z]+\\.\\d+$`))
  })

  // Linux searches for it only then.
  it('ends a foreign process that has it after kill -9 of the process that holds the tree together', async () => {
    const [one, other] = [await startMarked(), await startMarked()]
    const [same, among, foreign] = [sleepWith(one.mark), sleepWith(`1.a.1:${one.mark}`), sleepWith(`${one.mark}0`)]
    try {
      const ends = [same, among].map((child) => once(child, 'exit'))
      process.kill(one.parent, 'SIGKILL')
      expect(await one.end).toMatchObject({ lost: true })
      expect(await Promise.all(ends)).toEqual([
        [null, 'SIGKILL'],
        [null, 'SIGKILL'],
      ])
      // Neither another run nor a process whose mark only begins in the same way.
      process.kill(other.pid, 'SIGTERM')
      expect(await other.end).toMatchObject({ lost: false })
      expect([foreign.exitCode, foreign.signalCode]).toEqual([null, null])
    } finally {
      for (const child of [same, among, foreign]) child.kill('SIGKILL')
    }
  })
})
