// Runs the models in test/model for minutes: npm run test:model -- [--minutes 2.5] [--seed N] [--path P] [part of a name]
//
// Without a seed, each model has one of its own, which it prints. A failure prints the shrunk program and the command that
// replays it. The figures go to build/reliability/model.json.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './lib/cxx.js'
import { beginRun, withArguments } from './lib/reliability.js'

const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string', default: '2.5' }, seed: { type: 'string' }, path: { type: 'string' } },
  allowPositionals: true,
})
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new RangeError(`--minutes has to be more than 0; received ${values.minutes}`)
const [name] = positionals

/** The number of models in the file that has most: each file has a process of its own. */
const files = readdirSync(path.join(root, 'test/model')).filter((each) => each.endsWith('.test.ts'))
const models = files.map((each) => readFileSync(path.join(root, 'test/model', each), 'utf8').match(/^model\(/gm).length)
const seconds = (minutes * 60) / (name === undefined ? Math.max(...models) : 1)

const folder = mkdtempSync(path.join(tmpdir(), 'tripline-model-'))
const report = path.join(folder, 'report')
const record = beginRun(name === undefined ? 'model' : undefined, withArguments('npm run test:model'))
try {
  const args = ['vitest', 'run', 'test/model', ...(name === undefined ? [] : ['--testNamePattern', name])]
  const { status } = spawnSync('npx', args, {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      TRIPLINE_MODEL_SECONDS: String(seconds),
      TRIPLINE_MODEL_REPORT: report,
      ...(values.seed !== undefined && { TRIPLINE_MODEL_SEED: values.seed }),
      ...(values.path !== undefined && { TRIPLINE_MODEL_PATH: values.path }),
    },
  })
  const counts = { models: 0, programs: 0, steps: 0 }
  const lines = existsSync(report) ? readFileSync(report, 'utf8').split('\n').filter(Boolean) : []
  for (const line of lines) {
    const { programs, steps } = JSON.parse(line)
    counts.models++
    counts.programs += programs
    counts.steps += steps
  }
  const { minutes: took, passed } = record(counts, status === 0 && counts.programs > 0)
  console.log(`${counts.models} models, ${counts.programs} programs, ${counts.steps} steps in ${took} min`)
  process.exitCode = passed ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
