// A pool of threads whose busy loops end in time. Piscina's own signal would terminate the thread at once.
import { Piscina } from 'piscina'
import { Cancelable } from 'tripline'

const pool = new Piscina({ filename: new URL('piscina-worker.js', import.meta.url).href, maxThreads: 1 })

/** Runs a job in the pool. A loop that looks at its operation ends at once; one that does not is terminated a second later. */
function search(data, options) {
  return Cancelable.run(
    (cancel) => {
      const kill = new AbortController()
      cancel.onCancel(() => setTimeout(() => kill.abort(), 1000).unref())
      return pool.run({ cancel: cancel.share(), ...data }, { signal: kill.signal })
    },
    { grace: '2s', ...options },
  )
}

console.log(await search({ below: 1000 }, { timeout: '1m' }), 'primes')
try {
  await search({ below: Infinity }, { timeout: '300ms' })
} catch (error) {
  console.log(error.message, '- found some:', error.partialResult > 0)
}
// The thread is free again.
console.log(await search({ below: 100 }, { timeout: '1m' }), 'primes')
await pool.close()
