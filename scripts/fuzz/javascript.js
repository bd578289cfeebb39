// Fuzzes one target of test/fuzz/inputs, guided by V8's own counts of what was executed:
// node scripts/fuzz/javascript.js BUNDLE TARGET SEED SECONDS FOUND [KEEP] -- FOLDER...
//
// Inputs that reach new code go to the folder FOUND. KEEP is the folder of the committed corpus, if it is to be replaced by the
// few inputs that reach most. Prints the number of executions as a line of JSON. A failure stores its input, made smaller, in the
// folder above FOUND and sets exit status 1. Jazzer.js, which is libFuzzer for Node, needs a newer C library than Debian 12 has.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Worker, isMainThread, workerData } from 'node:worker_threads'

const LONGEST = 4096
/** One input may take so long, in milliseconds of processor time. */
const SLOW = 1000
/** And no input ends after so long, in milliseconds. */
const STUCK = 20_000
/** To look at the counts of what was executed takes milliseconds, so it is done for many inputs at once. */
const BATCH_MS = 50
const KEPT = 24

/** Ends the process if one input takes too long: nothing else can interrupt it. */
function watch({ memory, failed }) {
  const control = new Int32Array(memory, 0, 2)
  let before = -1
  let since = performance.now()
  setInterval(() => {
    const count = Atomics.load(control, 0)
    if (count !== before) {
      before = count
      since = performance.now()
    } else if (performance.now() - since > STUCK) {
      writeFileSync(failed, new Uint8Array(memory, 8, control[1]))
      console.error(`an input takes more than ${STUCK / 1000} s: ${failed}`)
      process.kill(process.pid, 'SIGKILL')
    }
  }, 1000)
}

async function main() {
  const words = process.argv.slice(2)
  const folders = words.splice(words.indexOf('--')).slice(1)
  const [bundle, name, seed, seconds, found, keep] = words
  const fuzzer = new Fuzzer(bundle, name, Number(seed), found)
  await fuzzer.load([found, ...folders])
  await fuzzer.run(Number(seconds))
  if (keep !== undefined) await fuzzer.keep(keep)
  console.log(JSON.stringify({ executions: fuzzer.executions, inputs: fuzzer.pool.length, covered: fuzzer.seen.size }))
  process.exit()
}

class Fuzzer {
  executions = 0
  /** Inputs that have reached something new. */
  pool = []
  /** The places in the code that were reached. */
  seen = new Set()
  #target
  #failed
  #found
  #random
  #tokens
  #session = new Session()
  #url
  #memory = new SharedArrayBuffer(8 + 2 * LONGEST)
  #control = new Int32Array(this.#memory, 0, 2)
  #current = new Uint8Array(this.#memory, 8)
  #uncaught

  constructor(bundle, name, seed, found) {
    this.#random = randomFrom(seed)
    this.#found = found
    this.#failed = path.join(path.dirname(path.dirname(found)), `${name}-failed`)
    this.#url = `file://${path.resolve(bundle)}`
    this.#session.connect()
    this.#post('Profiler.enable')
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    this.#target = createRequire(import.meta.url)(path.resolve(bundle)).TARGETS[name]
    this.#tokens = tokensOf(readFileSync(bundle, 'utf8'))
    for (const event of ['uncaughtException', 'unhandledRejection'])
      process.on(event, (error) => (this.#uncaught = { error }))
    new Worker(new URL(import.meta.url), { workerData: { memory: this.#memory, failed: this.#failed } }).unref()
  }

  /** Runs all inputs of these folders, of which some may not be there. */
  async load(folders) {
    const inputs = [Buffer.alloc(0)]
    for (const folder of folders) {
      let names = []
      try {
        names = readdirSync(folder)
      } catch (error) {
        if (error.code !== 'ENOENT') throw error
      }
      for (const name of names) inputs.push(readFileSync(path.join(folder, name)).subarray(0, LONGEST))
    }
    for (const input of inputs) await this.#tryAlone(input, true)
  }

  async run(seconds) {
    const end = performance.now() + seconds * 1000
    while (performance.now() < end) {
      const batch = []
      this.#covered()
      for (const until = performance.now() + BATCH_MS; performance.now() < until && performance.now() < end;) {
        const input = this.#mutated()
        batch.push(input)
        await this.#execute(input)
      }
      if (this.#isFresh(this.#covered())) await this.#search(batch)
    }
  }

  #isFresh(places) {
    return places.some((place) => !this.seen.has(place))
  }

  /** Finds the inputs that reach something new. */
  async #search(inputs) {
    if (inputs.length === 1) return this.#tryAlone(inputs[0], false)
    const middle = inputs.length >> 1
    for (const half of [inputs.slice(0, middle), inputs.slice(middle)]) {
      for (const input of half) await this.#execute(input)
      if (this.#isFresh(this.#covered())) await this.#search(half)
    }
    return undefined
  }

  /**
   * Replaces what was kept in a folder before by the smallest inputs that reach most of what all reach. Files that were named by
   * hand stay.
   */
  async keep(folder) {
    mkdirSync(folder, { recursive: true })
    const left = new Set(this.seen)
    for (const name of readdirSync(folder)) {
      const file = path.join(folder, name)
      if (/^[\da-f]{40}$/.test(name)) rmSync(file)
      else for (const place of await this.#reach(readFileSync(file))) left.delete(place)
    }
    const reached = new Map()
    for (const input of this.pool) reached.set(input, await this.#reach(input))
    for (let count = 0; count < KEPT; count++) {
      // What is new of each, per length: a long input has to reach much.
      const worth = (input) => reached.get(input).filter((place) => left.has(place)).length / (64 + input.length)
      const best = this.pool.reduce((a, b) => (worth(b) > worth(a) ? b : a))
      if (worth(best) === 0) break
      for (const place of reached.get(best)) left.delete(place)
      writeFileSync(path.join(folder, nameOf(best)), best)
    }
  }

  /** The places that one input reaches. */
  async #reach(input) {
    this.#covered()
    await this.#execute(input)
    return this.#covered()
  }

  #post(method, parameters) {
    let result
    this.#session.post(method, parameters, (error, value) => {
      if (error) throw new Error(error.message)
      result = value
    })
    return result
  }

  /** The places that were executed since the last call, with how often, roughly. */
  #covered() {
    const places = []
    for (const { url, functions } of this.#post('Profiler.takePreciseCoverage').result) {
      if (url !== this.#url) continue
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0) places.push(`${startOffset}-${endOffset}`)
      }
    }
    return places
  }

  async #tryAlone(input, always) {
    const fresh = (await this.#reach(input)).filter((place) => !this.seen.has(place))
    if (fresh.length === 0 && !(always && this.pool.length < 1000)) return
    for (const place of fresh) this.seen.add(place)
    this.pool.push(input)
    if (fresh.length > 0) writeFileSync(path.join(this.#found, nameOf(input)), input)
  }

  async #execute(input) {
    this.#current.set(input)
    this.#control[1] = input.length
    Atomics.add(this.#control, 0, 1)
    this.executions++
    const failure = await this.#failureOf(input)
    if (failure !== undefined) await this.#fail(input, failure)
  }

  /** What an input makes the target throw; undefined if nothing. */
  async #failureOf(input) {
    const begin = performance.now()
    const cpu = process.cpuUsage()
    this.#uncaught = undefined
    try {
      // A copy of its own: what is read beyond its end is noticed, and nothing can change it.
      const pending = this.#target(Uint8Array.from(input))
      if (pending !== undefined) await pending
    } catch (error) {
      return error
    }
    if (this.#uncaught !== undefined) return this.#uncaught.error
    if (performance.now() - begin < SLOW) return undefined
    const { user, system } = process.cpuUsage(cpu)
    const took = (user + system) / 1000
    return took > SLOW ? new Error(`${Math.round(took)} ms for ${input.length} bytes`) : undefined
  }

  async #fail(input, failure) {
    let smallest = input
    const isFailure = async (each) => (await this.#failureOf(each)) !== undefined
    const until = performance.now() + 20_000
    for (let size = Math.ceil(smallest.length / 2); size > 0 && performance.now() < until; size = size >> 1) {
      for (let at = 0; at < smallest.length && performance.now() < until;) {
        const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)])
        if (await isFailure(shorter)) smallest = shorter
        else at += size
      }
    }
    writeFileSync(this.#failed, smallest)
    console.error((await this.#failureOf(smallest)) ?? failure)
    console.error(`the input is ${this.#failed}: ${JSON.stringify(smallest.toString('latin1'))}`)
    process.exit(1)
  }

  // ---- new inputs

  #below(bound) {
    return Math.floor(this.#random() * bound)
  }

  #pick(list) {
    return list[this.#below(list.length)]
  }

  #mutated() {
    let input = Buffer.from(this.#pick(this.pool))
    for (let steps = 1 << this.#below(4); steps > 0; steps--) input = this.#changed(input)
    return input.subarray(0, LONGEST)
  }

  #changed(input) {
    const at = this.#below(input.length + 1)
    const size = this.#below(Math.min(64, input.length - at) + 1)
    const replaced = (length, bytes) => Buffer.concat([input.subarray(0, at), bytes, input.subarray(at + length)])
    const other = this.#pick(this.pool)
    switch (this.#below(10)) {
      case 0:
        return replaced(0, Buffer.from([this.#below(256)]))
      case 1:
        if (at < input.length) input[at] ^= 1 << this.#below(8)
        return input
      case 2:
        if (at < input.length) input[at] = this.#below(256)
        return input
      case 3:
        return replaced(size, Buffer.alloc(0))
      case 4:
        return replaced(0, input.subarray(at, at + size))
      case 5: {
        const from = this.#below(other.length + 1)
        return replaced(size, other.subarray(from, from + this.#below(64)))
      }
      case 6:
        return Buffer.concat([input.subarray(0, at), other.subarray(this.#below(other.length + 1))])
      case 7:
        return this.#changedJson(input)
      default:
        return replaced(this.#below(3) === 0 ? size : 0, Buffer.from(this.#token()))
    }
  }

  #token() {
    const numbers = ['0', '-1', '1e309', '1e-7', '0.5', '99999999999999999999', '4294967296', '-0', 'NaN', 'Infinity']
    const bytes = ['\0', '\u0001', '\u001B[2J', '\u202E', '\uFEFF', '\u{1F600}', '\r\n', '"', '\\', '__proto__']
    return this.#pick(this.#pick([numbers, bytes, this.#tokens, this.#tokens, this.#tokens]))
  }

  /** Where a part of the input is JSON, changes one of its values and keeps it JSON. */
  #changedJson(input) {
    const begin = input.indexOf('{')
    let value
    try {
      value = [JSON.parse(input.toString('utf8', Math.max(begin, 0)))]
    } catch {
      return input
    }
    let holder = value
    let key = 0
    for (let depth = this.#below(6); depth > 0; depth--) {
      const inner = holder[key]
      if (typeof inner !== 'object' || inner === null || Object.keys(inner).length === 0) break
      holder = inner
      key = this.#pick(Object.keys(inner))
    }
    const values = [
      null,
      true,
      '',
      [],
      {},
      0,
      -1,
      1e308,
      0.5,
      2 ** 53,
      [[]],
      this.#token(),
      holder,
      value[0],
      'x'.repeat(300),
    ]
    const fresh = structuredClone(this.#pick(values))
    if (this.#below(3) === 0 && typeof holder[key] === 'object' && holder[key] !== null)
      holder[key][this.#token()] = fresh
    else if (this.#below(4) === 0 && !Array.isArray(holder)) delete holder[key]
    else holder[key] = fresh
    return Buffer.concat([input.subarray(0, Math.max(begin, 0)), Buffer.from(JSON.stringify(value[0]) ?? '')])
  }
}

/** The short texts of the code: keywords, units, names of fields. */
function tokensOf(code) {
  const found = new Set()
  for (const [, text] of code.matchAll(/'([^'\\\n]{1,20})'|"([^"\\\n]{1,20})"/g))
    if (text !== undefined) found.add(text)
  for (const [, text] of code.matchAll(/"([^"\\\n]{1,20})"/g)) found.add(text)
  return [...found]
}

function nameOf(input) {
  return createHash('sha1').update(input).digest('hex')
}

function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

if (isMainThread) await main()
else watch(workerData)
