// Run by every row of the consumers' matrix in its framework: a guard breaches, and the process has mapped an addon. Has no
// type annotations, so that it is both TypeScript and JavaScript; scripts/consumers/programs.js converts it to CommonJS.
import { readFileSync, writeFileSync } from 'node:fs'
import { guard } from 'tripline'

export async function report() {
  const watched = guard({ 'process.rss': { above: '1MB' } })
  // A guard alone does not keep a process alive.
  const alive = setInterval(() => {}, 1000)
  const breach = await new Promise((resolve) => watched.on('breach', resolve))
  watched.close()
  clearInterval(alive)
  const maps = readFileSync('/proc/self/maps', 'utf8')
  const loaded = [...new Set(maps.match(/\S*(?:tripline|addon)\S*\.node$/gm))]
  writeFileSync(process.env['CONSUMER_RESULT'] ?? '', JSON.stringify({ breach, loaded }))
}
