// node cost.js free|blocked WATCH: nanoseconds of CPU time per check, the least of some rounds.
import { min } from '../lib/suite.js'
import { BLOCKED, FREE } from './watches.js'

const [mode, name] = process.argv.slice(2)
const { isOver } = await (mode === 'free' ? FREE : BLOCKED)[name]()

function round(checks) {
  let over = 0
  const before = process.cpuUsage()
  for (let each = 0; each < checks; each++) if (isOver()) over++
  const { user, system } = process.cpuUsage(before)
  if (over > 0) throw new Error(`${name} reported ${over} times`)
  return ((user + system) * 1000) / checks
}

// As many checks as take some 20 ms, which is much longer than the clock's resolution.
let checks = 1000
while (round(checks) * checks < 20e6) checks *= 2
const rounds = []
for (let each = 0; each < 10; each++) rounds.push(round(checks))
process.stdout.write(`${JSON.stringify({ nanoseconds: min(rounds) })}\n`)
process.exit()
