/** Ends of environments at every stage of a guard's life: exit status and no crash. */
import { describe, expect, it } from 'vitest'
import { PACKAGE, runModule, type Outcome } from '../helpers/child.js'

// Crossed on every machine, so that deliveries are under way.
const CROSSED = "{ 'process.rss': { above: 1, for: 0 } }"
// Shares of the machine reach 100 if other programs keep it busy.
const FAR = "{ memory: { above: 100 }, 'process.cpu': { above: 1e6 } }"

function expectClean(outcome: Outcome, code = 0): void {
  expect(outcome).toMatchObject({ code, signal: null, stderr: '' })
}

describe('a process', () => {
  it('that has only a guard exits by itself', async () => {
    expectClean(await runModule(`tripline.guard(${FAR})`))
  })

  it('that has only a guard with conditions exits by itself, even while a check hangs', async () => {
    const hanging = '() => new Promise(() => {})'
    expectClean(await runModule(`tripline.guard({ conditions: { ready: () => true, silent: ${hanging} } })`))
  })

  it('lives on with ref() until the guard is closed, or until unref()', async () => {
    const limits = `{ conditions: { ready: { check: () => ++checks < 4, interval: 5 } } }`
    const outcome = await runModule(`
      let checks = 0
      const held = tripline.guard(${limits}).ref().ref()
      held.on('breach', () => {
        console.log('breached')
        held.close()
        held.ref()
        const again = tripline.guard(${limits}).ref()
        console.log('closed')
        again.unref().unref()
      })
    `)
    expectClean(outcome)
    expect(outcome.stdout).toBe('breached\nclosed\n')
  })

  it('ends cleanly at every stage of a guard’s life', async () => {
    for (const stage of [
      `tripline.guard(${FAR}); process.exit(0)`,
      `const g = tripline.guard(${FAR}); g.close(); process.exit(0)`,
      `tripline.guard(${CROSSED}).on('breach', () => process.exit(0)); setInterval(() => {}, 1000)`,
      `const g = tripline.guard(${CROSSED}); g.on('breach', () => { g.close(); process.exit(0) }); setInterval(() => {}, 1000)`,
      `for (let i = 0; i < 200; i++) tripline.guard(${CROSSED}, { within: 1 }); process.exit(0)`,
      `tripline.guard({ disk: { above: 100 } }); setTimeout(() => process.exit(0), 50)`,
    ]) {
      expectClean(await runModule(stage))
    }
  })

  it('with an uncaught error ends the same with and without guards', async () => {
    const outcome = await runModule(`tripline.guard(${CROSSED}); setTimeout(() => { throw new Error('mine') }, 20)`)
    expect(outcome.code).toBe(1)
    expect(outcome.stderr).toContain('mine')
  })

  it('waits for a sample, and for nothing afterwards', async () => {
    const outcome = await runModule(`console.log((await tripline.sample('cpu')).get('cpu').value >= 0)`)
    expectClean(outcome)
    expect(outcome.stdout).toBe('true\n')
  })
})

describe('a worker', () => {
  // Workers make guards that are breached at once and read fast, and are ended in the middle of it.
  const worker = `
    import { guard } from ${JSON.stringify(PACKAGE)}
    import { parentPort } from 'node:worker_threads'
    for (let i = 0; i < 20; i++) {
      const g = guard(${CROSSED}, { within: 1 })
      g.on('breach', () => { g.close(); parentPort.postMessage('notified') })
    }
    guard(${FAR}, { within: 1 })
    setInterval(() => guard(${CROSSED}, { within: 1 }), 1)
  `

  it('that is terminated with open guards does no harm', async () => {
    const outcome = await runModule(`
      import { Worker } from 'node:worker_threads'
      const own = tripline.guard(${FAR}, { within: 1 })
      for (let round = 0; round < 10; round++) {
        await Promise.all([1, 2, 3].map(async (delay) => {
          const worker = new Worker(${JSON.stringify(worker)}, { eval: true })
          await new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject) })
          await new Promise((resolve) => setTimeout(resolve, delay))
          await worker.terminate()
        }))
      }
      const { guards } = tripline.samplerStats()
      console.log(guards, own.state)
      own.close()
    `)
    expectClean(outcome)
    // Only this thread's guard is left: those of a worker end with it.
    expect(outcome.stdout).toBe('1 clear\n')
  })

  it('that is the only one to have loaded the addon may end while the sampling thread is still running', async () => {
    const outcome = await runModule(`
      import { Worker } from 'node:worker_threads'
      for (let round = 0; round < 5; round++) {
        const worker = new Worker(${JSON.stringify(worker)}, { eval: true })
        await new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject) })
        await worker.terminate()
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    `)
    expectClean(outcome)
  })

  it('exits by itself when guards are all it has', async () => {
    const outcome = await runModule(`
      import { Worker } from 'node:worker_threads'
      const worker = new Worker(${JSON.stringify(`import { guard } from ${JSON.stringify(PACKAGE)}; guard(${FAR})`)}, { eval: true })
      const [code] = await new Promise((resolve, reject) => { worker.once('exit', (...a) => resolve(a)); worker.once('error', reject) })
      console.log(code)
    `)
    expectClean(outcome)
    expect(outcome.stdout).toBe('0\n')
  })
})
