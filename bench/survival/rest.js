// node rest.js WATCH: watches, and does nothing else. Says when it has begun; its parent ends it.
import { FREE } from './watches.js'

await FREE[process.argv[2]]()
process.stdout.write('ready\n')
setInterval(() => undefined, 1e6)
