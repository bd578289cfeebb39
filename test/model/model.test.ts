/** Random programs against models: a few of each here, as many as time allows in `npm run test:model`. */
import { fakeBreaches } from './fake-breaches.js'
import { model } from './harness.js'
import { operations } from './operations.js'
import { simulatedGuards } from './simulated-guards.js'

model('simulated guards', simulatedGuards)
model('guards with fake breaches', fakeBreaches)
model('operations with scopes', operations)
