/** Calls the addon's functions with nonsense; see nonsense.slow.test.ts. Arguments: the addon's file, a seed, how many calls. */
'use strict'
const { fstatSync, openSync, writeSync } = require('node:fs')

const [, , file, seedText, countText] = process.argv
const addon = require(file)

let state = Number(seedText) >>> 0
/** A number from 0 to `below`. */
function random(below) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}
const pick = (list) => list[random(list.length)]
const filled = (Kind, length) =>
  new Kind(length).map(() => (random(3) === 0 ? pick([-1, 2 ** 31, NaN, 1e300]) : random(9)))

const NUMBERS = [
  0,
  1,
  2,
  3,
  7,
  -1,
  0.5,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  1e300,
  -1e300,
]
const ODD = [
  () => undefined,
  () => null,
  () => true,
  () => Symbol('odd'),
  () => 10n,
  () => ({}),
  () => Object.create(null),
  () => new Map(),
  () => [{}, new Int32Array(2)],
  () => () => 1,
  () =>
    new Proxy([], {
      get() {
        throw new Error('a trap')
      },
    }),
  () => new ArrayBuffer(64),
  () => new SharedArrayBuffer(8),
]
const TEXTS = ['', 'x', '/', '/proc', '\0', '\0\0', '\u001b[2J', 'é'.repeat(300), 'x'.repeat(9000)]
const ARRAYS = [Int32Array, Uint32Array, Float64Array, Uint8Array, Float32Array, BigInt64Array]

function value() {
  switch (random(6)) {
    case 0:
    case 1:
      return pick(NUMBERS)
    case 2:
      return random(40)
    case 3:
      return pick(TEXTS)
    case 4: {
      const Kind = pick(ARRAYS)
      return Kind === BigInt64Array ? new Kind(random(20)) : filled(Kind, random(120))
    }
    default:
      return pick(ODD)()
  }
}

function isOpen(fd) {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}

// These close the descriptor that they are given, as fs.closeSync() would: which argument it is. One of the runtime's would
// be missed by the runtime, so a descriptor of this program's own takes its place. A watchdog keeps the number, which may
// have become the runtime's by the time that it closes it.
const CLOSING = { closePipe: 0, startWatchdog: 2 }
function withOwnDescriptor(name, values) {
  const given = values[CLOSING[name]]
  const numbers = typeof given === 'number' ? [Math.trunc(given), given | 0] : []
  if (numbers.some((each) => each >= 0 && (name === 'startWatchdog' || isOpen(each))))
    values[CLOSING[name]] = openSync('/dev/null', 'w')
  return values
}

const functions = Object.entries(addon).filter(([, it]) => typeof it === 'function')
for (const name of Object.keys(CLOSING)) {
  if (!functions.some(([each]) => each === name)) throw new Error(`the addon has no ${name}`)
}
if (random(2) === 0) addon.attach(new Uint8Array(new SharedArrayBuffer(4096)), () => {}, false)
if (random(2) === 0) {
  addon.testEngine(
    () => {
      let sum = 0
      for (let i = 0; i < 1e6; i++) sum += i
      return sum
    },
    '/none',
    'file:///none',
  )
}
for (let i = 0; i < Number(countText); i++) {
  const [name, call] = pick(functions)
  const values = withOwnDescriptor(name, Array.from({ length: random(9) }, value))
  writeSync(1, `${name}\n`)
  try {
    call(...values)
  } catch {}
}
process.exit(7)
