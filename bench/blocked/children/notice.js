// notice.js <none|tripline|blocked-at>: what watching for blocks costs a busy loop, and which places it names. Prints JSON:
// nanoseconds per turn with an immediate and three promises, and which places of two blocks of 300 ms were named: one in a timer,
// one that a promise has started.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const TURNS = 3000
const mode = process.argv[2]
const places = new Set()

/** Keeps the line of a frame in this file. */
const note = (file, line) => {
  if (basename(file) === 'notice.js') places.add(line)
}

if (mode === 'tripline') {
  const { guard } = await import('../../../dist/index.js')
  const loop = guard({ 'eventLoop.delay': { above: '100ms', stack: true } })
  loop.on('breach', ({ stack = [] }) => note(stack[0]?.file ?? '', stack[0]?.line))
} else if (mode === 'blocked-at') {
  const { default: blocked } = await import('blocked-at')
  blocked(
    (time, stack) => {
      for (const text of stack) {
        const [, file, line] = /([^/( ]+):(\d+):\d+\)?$/.exec(text) ?? []
        if (file !== undefined) note(file, Number(line))
      }
    },
    { threshold: 100, trimFalsePositives: true },
  )
}

async function turn() {
  for (let i = 0; i < 3; i++) await Promise.resolve(i)
  await new Promise((resolve) => setImmediate(resolve))
}

function block() {
  const until = performance.now() + 300
  while (performance.now() < until); // the line that blocks
}

await turn()
const start = process.hrtime.bigint()
for (let i = 0; i < TURNS; i++) await turn()
const perTurn = Number(process.hrtime.bigint() - start) / TURNS
await sleep(50)
setTimeout(() => block(), 10) // started here
await sleep(500)
await sleep(10).then(() => block()) // started here
await sleep(200)
const source = readFileSync(new URL(import.meta.url), 'utf8').split('\n')
const found = (mark) => [...places].filter((line) => source[line - 1].endsWith(`// ${mark}`)).length
const named = [
  ...(found('the line that blocks') > 0 ? ['the line that blocks'] : []),
  ...(found('started here') > 0 ? [`the start of ${found('started here')} of 2`] : []),
]
console.log(JSON.stringify({ perTurn, places: named.length === 0 ? 'nothing' : named.join(', ') }))
process.exit()
