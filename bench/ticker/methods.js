// Ways of calling a function at a steady rate. Each method takes the period in milliseconds and a function
// `beat(due, missed, at)`, and returns a function that stops it. A method passes the due time and the actual time of a beat
// only if it knows them.
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { loadBare } from '../native/build.js'

const load = createRequire(import.meta.url)

/** By how many milliseconds performance.now() is ahead of `clock`. */
function offsetFrom(clock) {
  let offset = 0
  for (let best = Infinity, round = 0; round < 20; round++) {
    const before = performance.now()
    const there = clock()
    const after = performance.now()
    if (after - before < best) {
      best = after - before
      offset = (before + after) / 2 - there
    }
  }
  return offset
}

export const METHODS = {
  setInterval: {
    rates: [100, 1000],
    async start(period, beat) {
      const timer = setInterval(() => beat(), period)
      return () => clearInterval(timer)
    },
  },

  'setTimeout, drift-corrected': {
    rates: [100, 1000],
    async start(period, beat) {
      let timer
      let due = performance.now() + period
      const arm = () => {
        timer = setTimeout(() => {
          beat(due)
          due += period
          arm()
        }, due - performance.now())
      }
      arm()
      return () => clearTimeout(timer)
    },
  },

  nanotimer: {
    rates: [100, 1000, 4000],
    async start(period, beat) {
      const NanoTimer = load('nanotimer')
      const timer = new NanoTimer()
      timer.setInterval(() => beat(), '', `${period * 1000}u`)
      return () => timer.clearInterval()
    },
  },

  'set-interval-async': {
    rates: [100, 1000],
    async start(period, beat) {
      const { setIntervalAsync, clearIntervalAsync } = load('set-interval-async/fixed')
      const timer = setIntervalAsync(async () => beat(), period)
      return () => clearIntervalAsync(timer)
    },
  },

  'Atomics.wait in a worker': {
    rates: [100, 1000, 4000],
    async start(period, beat) {
      const source = `
        const { parentPort, workerData } = require('node:worker_threads')
        const sleeper = new Int32Array(new SharedArrayBuffer(4))
        for (let due = performance.timeOrigin + performance.now() + workerData; ; due += workerData) {
          const left = due - performance.timeOrigin - performance.now()
          if (left > 0) Atomics.wait(sleeper, 0, 0, left)
          parentPort.postMessage(due)
        }`
      const worker = new Worker(source, { eval: true, workerData: period })
      worker.on('message', (due) => beat(due - performance.timeOrigin))
      return () => worker.terminate()
    },
  },

  'native thread, one call per tick': {
    rates: [100, 1000, 4000],
    async start(period, beat) {
      const bare = loadBare()
      const offset = offsetFrom(bare.now)
      let due = 0
      due = bare.start(period, () => {
        beat(due)
        due += period
      })
      due += offset
      return () => bare.stop()
    },
  },

  tripline: {
    rates: [100, 1000, 4000],
    async start(period, beat) {
      const { every } = await import('../../dist/index.js')
      const ticker = every(period, (_cancel, tick) => beat(tick.due, tick.missed))
      return () => ticker.close()
    },
  },

  // There is no call per beat; the beats are the rows that the thread has recorded, with their times.
  'tripline, blocks of 400 samples': {
    rates: [1000, 4000],
    async start(period, beat) {
      const { samples } = await import('../../dist/index.js')
      const stream = samples({ metrics: 'process.rss', interval: period, batch: 400 })
      const consume = async () => {
        for await (const { at, missed } of stream) {
          for (const [row, time] of at.entries()) beat(undefined, row === 0 ? missed : 0, time)
        }
      }
      void consume()
      return () => undefined
    },
  },
}
