// What every row of the consumers' matrix runs in its framework: a guard breaches, and the process has mapped an addon. Has
// no type annotations, so that it is TypeScript as well as JavaScript; scripts/consumers/programs.js makes CommonJS of it.
import { readFileSync, writeFileSync } from 'node:fs'
import { guard } from 'tripline'

export async function report() {
  const watched = guard({ 'process.rss': { above: '1MB' } })
  // A guard alone keeps no process alive.
  const alive = setInterval(() => {}, 1000)
  const breach = await new Promise((resolve) => watched.on('breach', resolve))
  watched.close()
  clearInterval(alive)
  const maps = readFileSync('/proc/self/maps', 'utf8')
  const loaded = [...new Set(maps.match(/\S*(?:tripline|addon)\S*\.node$/gm))]
  writeFileSync(process.env['CONSUMER_RESULT'] ?? '', JSON.stringify({ breach, loaded }))
}
