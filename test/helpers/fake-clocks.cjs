// Tests of operations under a fake clock, for every framework that has one. CommonJS, so that Jest can load it too.
const assert = require('node:assert/strict')

const never = () => new Promise(() => undefined)
const kindOf = (run) =>
  run.then(
    () => 'fulfilled',
    (error) => error.reason?.kind ?? error,
  )

/** Waits for pending promises and one turn of the real event loop; no framework fakes message ports. */
const settle = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.on('message', () => {
      port1.close()
      resolve()
    })
    port2.postMessage(0)
  })

/** Blocks this thread for a real time. `Atomics.wait` measures it, because any clock may be fake. */
const block = (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

/**
 * Each scenario receives the package and a clock with `install()`, `uninstall()`, `advance(ms)` and `pending()`, which
 * returns the number of pending timers, or undefined if the framework does not report it.
 */
const scenarios = {
  async 'a timeout fires at its millisecond and no earlier'({ Cancelable }, clock) {
    clock.install()
    const run = kindOf(Cancelable.run(never, { timeout: 200 }))
    const entered = new Cancelable({ timeout: 200 }).enter()
    clock.advance(199)
    assert.equal(entered.isCanceled, false)
    clock.advance(1)
    assert.equal(entered.reason?.kind, 'timeout')
    assert.equal(await run, 'timeout')
    clock.uninstall()
  },

  async 'real time that passes meanwhile counts for nothing'({ Cancelable, TimeoutSource, anyOf }, clock) {
    clock.install()
    const entered = new Cancelable({ timeout: 5, sources: [anyOf(new TimeoutSource(5))] }).enter()
    block(20)
    assert.equal(entered.isCanceled, false)
    const second = new Cancelable({ timeout: 10 }).enter()
    clock.advance(10)
    assert.deepEqual([entered.isCanceled, second.isCanceled], [true, true])
    clock.uninstall()
  },

  async 'sleeps, sources, idle times and extensions follow it'(
    { Cancelable, TimeoutSource, CancelationToken, allOf },
    clock,
  ) {
    clock.install()
    let slept = false
    void Cancelable.run((cancel) => cancel.sleep(1000)).then(() => (slept = true))
    const token = new CancelationToken()
    const all = new Cancelable({ sources: [allOf(new TimeoutSource(400), token)] }).enter()
    token.cancel()
    const watchdog = new Cancelable({ timeout: 100 }).enter()
    clock.advance(90)
    watchdog.extend(500)
    clock.advance(300)
    assert.deepEqual([watchdog.isCanceled, all.isCanceled], [false, false])
    clock.advance(10)
    assert.deepEqual([watchdog.isCanceled, all.isCanceled], [false, true])
    clock.advance(190)
    assert.equal(watchdog.isCanceled, true)
    await settle()
    assert.equal(slept, false)
    clock.advance(410)
    await settle()
    assert.equal(slept, true)
    clock.uninstall()
  },

  async 'a condition is checked once per interval'({ Cancelable }, clock) {
    clock.install()
    let checks = 0
    const check = () => ++checks > 3
    const entered = new Cancelable({ condition: { check, interval: 50 } }).enter()
    assert.equal(checks, 1)
    clock.advance(49)
    assert.equal(checks, 1)
    // Advance in steps: with the mocks of node:test, a timer that is armed within a tick counts from the end of the tick.
    for (const step of [1, 50, 50]) clock.advance(step)
    assert.deepEqual([checks, entered.reason?.kind], [4, 'condition'])
    clock.uninstall()
  },

  async 'a grace period lasts as long as the clock says'({ Cancelable }, clock) {
    clock.install()
    const operation = new Cancelable({ grace: 1000 })
    let settled = false
    const run = operation
      .run((cancel) => {
        cancel.onCancel(() => undefined)
        return never()
      })
      .catch(() => (settled = true))
    operation.cancel()
    clock.advance(999)
    await settle()
    assert.equal(settled, false)
    clock.advance(1)
    await run
    assert.equal(operation.context.status, 'abandoned')
    clock.uninstall()
  },

  async 'a parent times out before its child'({ Cancelable }, clock) {
    clock.install()
    const parent = new Cancelable({ timeout: 100 }).enter()
    const child = parent.child({ timeout: 100 }).enter()
    clock.advance(100)
    assert.deepEqual([parent.reason?.kind, child.reason?.kind], ['timeout', 'parent'])
    clock.uninstall()
  },

  async 'a timer that is armed when another fires counts from there'({ Cancelable }, clock) {
    clock.install()
    let second
    new Cancelable({ timeout: 100 }).onCancel(() => (second = new Cancelable({ timeout: 100 }).enter())).enter()
    clock.advance(100)
    assert.equal(second.isCanceled, false)
    clock.advance(99)
    assert.equal(second.isCanceled, false)
    clock.advance(1)
    assert.equal(second.isCanceled, true)
    clock.uninstall()
  },

  async 'a timeout of more than 24 days does not fire at once'({ Cancelable }, clock) {
    clock.install()
    const entered = new Cancelable({ timeout: '25d' }).enter()
    clock.advance(2 ** 31 - 1)
    assert.equal(entered.isCanceled, false)
    clock.advance(25 * 86_400_000 - (2 ** 31 - 1))
    assert.equal(entered.isCanceled, true)
    clock.uninstall()
  },

  async 'an operation that has ended leaves no timer'({ Cancelable }, clock) {
    clock.install()
    for (let i = 0; i < 3; i++) new Cancelable({ timeout: 1000 + i }).enter()[Symbol.dispose]()
    const pending = clock.pending()
    clock.uninstall()
    assert.ok(pending === undefined || pending === 0, `${pending} timers are left`)
  },

  async 'nothing that waits under it silences what comes after'({ Cancelable }, clock) {
    clock.install()
    const left = new Cancelable({ timeout: 50 })
    const run = kindOf(left.run(never))
    const slept = kindOf(Cancelable.run((cancel) => cancel.sleep(50)))
    const graceful = new Cancelable({ grace: 50 })
    void kindOf(graceful.run(never))
    graceful.cancel()
    new Cancelable({ timeout: 5 }).enter()[Symbol.dispose]()
    clock.uninstall()
    // The first real timer ends the test, whatever else keeps this process alive.
    assert.equal(await kindOf(Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 300 })), 'timeout')
    await Cancelable.run((cancel) => cancel.sleep(1))
    assert.equal(left.isCanceled, false)
    left.cancel()
    assert.equal(await run, 'manual')
    void slept
  },

  async 'it works each time it is installed, whatever was left of the last time'({ Cancelable }, clock) {
    const left = []
    for (let round = 0; round < 3; round++) {
      clock.install()
      left.pop()?.[Symbol.dispose]()
      const entered = new Cancelable({ timeout: 10 }).enter()
      left.push(new Cancelable({ timeout: 20 }).enter())
      clock.advance(10)
      assert.equal(entered.isCanceled, true)
      clock.uninstall()
    }
    left.pop()[Symbol.dispose]()
    clock.install()
    const last = new Cancelable({ timeout: 10 }).enter()
    clock.advance(10)
    assert.equal(last.isCanceled, true)
    clock.uninstall()
  },

  async 'listeners of what a check finds are called in a turn of their own'({ Cancelable }, clock) {
    let calls = 0
    const before = new Cancelable({ timeout: 10 }).onCancel(() => calls++).enter()
    clock.install()
    block(20)
    assert.deepEqual([before.isCanceled, calls], [true, 0])
    for (let i = 0; i < 3; i++) await Promise.resolve()
    assert.equal(calls, 1)
    clock.uninstall()
  },

  async 'what was armed before it goes on in real time'({ Cancelable }, clock) {
    const before = kindOf(Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 20 }))
    clock.install()
    assert.equal(await before, 'timeout')
    clock.uninstall()
  },
}

/** Runs all scenarios and returns how many there were. Rejects with the first failure. */
async function runScenarios(tripline, clock) {
  for (const [name, scenario] of Object.entries(scenarios)) {
    try {
      await scenario(tripline, clock)
    } catch (error) {
      throw new Error(`${name}: ${error.message}`, { cause: error })
    }
  }
  return Object.keys(scenarios).length
}

module.exports = { scenarios, runScenarios }
