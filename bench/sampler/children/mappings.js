// mappings.js: measures how many KiB of the addon's own code and data are resident after guards have run.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard } from '../../../dist/index.js'
import { typicalLimits } from '../typical.js'

guard(typicalLimits())
await sleep(3000)
let resident = 0
for (const part of readFileSync('/proc/self/smaps', 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)) {
  if (part.split('\n', 1)[0].includes('tripline.node')) resident += Number(/^Rss:\s+(\d+)/m.exec(part)[1])
}
console.log(JSON.stringify({ resident }))
process.exit()
