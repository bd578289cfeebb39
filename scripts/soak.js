// The soak test: many rounds of the same work, after each of which memory, descriptors, threads and processes must be as
// before: npm run test:soak [-- part...] [--minutes N] [--rounds N] [--scale F] [--prove]
//
// A part fails if it loses, per item, as much as it has to notice: 16 bytes per operation, 128 per guard. Every part has
// a process of its own. --prove loses exactly that much on purpose, on the JavaScript heap and outside of it, and fails
// where that goes unnoticed.
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { root } from './lib/cxx.js'
import { beginRun } from './lib/reliability.js'

const PARTS = [
  'operations',
  'runs',
  'canceled',
  'guards',
  'registry',
  'recorder',
  'recordings',
  'rows',
  'open samples',
  'tickers',
  'regions',
  'commands',
  'workers',
]

/** What a proof loses: in these parts, so many bytes per item. */
const PROOFS = [
  ['operations', 16],
  ['guards', 128],
]

const { values, positionals } = parseArgs({
  options: {
    minutes: { type: 'string', default: '0' },
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    prove: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
for (const [key, value] of [
  ['minutes', values.minutes],
  ['rounds', values.rounds],
  ['scale', values.scale],
]) {
  if (!(Number(value) >= 0)) fail(`--${key} takes a number, not '${value}'`)
}
const unknown = positionals.find((each) => !PARTS.includes(each))
if (unknown !== undefined) fail(`no part '${unknown}'; there are ${PARTS.join(', ')}`)

function fail(message) {
  console.error(message)
  process.exit(2)
}

function median(numbers) {
  const sorted = numbers.toSorted((one, other) => one - other)
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2
}

/** Runs a part; returns what it has measured. */
function measure(part, settings) {
  const input = JSON.stringify({ part, ...settings })
  // The young generation grows with the load, and each arena of the allocator keeps what was freed, which would look
  // like a leak.
  const flags = ['--expose-gc', '--max-semi-space-size=1']
  const env = { ...process.env, MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536' }
  const child = spawnSync(process.execPath, [...flags, 'test/soak/soak.mjs', input], {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 26,
  })
  if (child.status !== 0) throw new Error(`${part} ended with ${child.signal ?? child.status}`)
  return JSON.parse(child.stdout.trim().split('\n').at(-1))
}

/**
 * What a part loses: bytes per item, and the other things in all rounds. A loss is the same in every round, but an
 * allocator takes much at once, in some of them: so it is the median of all rounds that counts.
 */
function lossOf({ items, measured }) {
  const grown = (key) => median(measured.slice(1).map((each, i) => each[key] - measured[i][key])) / items
  const more = (key) => measured.at(-1)[key] - measured[0][key]
  return {
    heap: grown('heap'),
    memory: grown('memory'),
    descriptors: more('descriptors'),
    threads: more('threads'),
    children: more('children'),
    series: measured.at(-1).series,
  }
}

/** Half of what has to be noticed is a failure already. */
function isFlat(loss, notices) {
  const { heap, memory, descriptors, threads, children, series } = loss
  return heap < notices / 2 && memory < notices / 2 && descriptors <= 0 && threads <= 0 && children <= 0 && series === 0
}

const parts = positionals.length > 0 ? positionals : PARTS
const settings = {
  rounds: Number(values.rounds),
  scale: Number(values.scale),
  seconds: (Number(values.minutes) * 60) / parts.length,
}
const counts = {}
let failed = 0

function show(verdict, part, { items, measured, notices }, loss) {
  const rounds = measured.length - 1
  console.log(
    `${verdict} ${part.padEnd(12)} ${String(rounds * items).padStart(8)} in ${rounds} rounds; per item ` +
      `${loss.heap.toFixed(1)} B of heap, ${loss.memory.toFixed(1)} B of memory (notices ${notices}); ` +
      `${loss.descriptors} descriptors, ${loss.threads} threads, ${loss.children} processes, ${loss.series} series`,
  )
}

if (values.prove) {
  const finish = beginRun('soak-proved', 'npm run test:soak -- --prove')
  for (const [part, bytes] of PROOFS) {
    for (const where of ['heap', 'memory']) {
      const result = measure(part, { ...settings, leak: { bytes, where } })
      const loss = lossOf(result)
      const noticed = !isFlat(loss, result.notices)
      if (!noticed) failed++
      counts[`${part}, ${where}`] = Number(loss[where].toFixed(1))
      show(noticed ? 'noticed' : 'UNSEEN ', part, result, loss)
    }
  }
  counts['leaks noticed'] = PROOFS.length * 2 - failed
  const { minutes, passed } = finish(counts, failed === 0)
  if (!passed) failed ||= 1
  console.log(`${PROOFS.length * 2 - failed} leaks noticed, ${failed} not, ${minutes} minutes`)
} else {
  const finish = beginRun(positionals.length === 0 ? 'soak' : undefined, 'npm run test:soak')
  for (const part of parts) {
    const result = measure(part, settings)
    const loss = lossOf(result)
    const flat = isFlat(loss, result.notices)
    if (!flat) failed++
    counts[part] = result.items * (result.measured.length - 1)
    show(flat ? 'flat ' : 'GROWN', part, result, loss)
  }
  const { minutes, passed } = finish(counts, failed === 0)
  if (!passed) failed ||= 1
  console.log(`${parts.length - failed} passed, ${failed} failed, ${minutes} minutes`)
}
process.exitCode = failed === 0 ? 0 : 1
