// Works on a queue of pictures at full speed, at a quarter of it when the board is hot, and not at all while power is too low.
import { capabilities, every, guard } from 'tripline'

// A machine without a sensor is never hot; a limit on a missing metric would otherwise be an error.
const heat = guard(
  { temperature: { above: 75, clear: 65, onMissing: 'ignore' }, throttled: { above: 0, onMissing: 'ignore' } },
  { name: 'heat', minHold: process.env.MIN_HOLD ?? '10s' },
)
const power = guard({ undervoltage: { above: 0, onMissing: 'ignore' } }, { name: 'power' })

for (const { metric, available, why } of capabilities()) {
  if (['temperature', 'throttled', 'undervoltage'].includes(metric) && !available) console.log(`no ${metric}: ${why}`)
}

let pictures = 0
const worker = every({ hz: 20 }, () => void pictures++, {
  guard: heat,
  whileBreached: { slow: 4 },
  signals: ['SIGTERM', 'SIGINT'],
  onState: (state) => console.log(state),
})
heat.on('breach', ({ metric, value, unit }) => console.log(`hot: ${metric} is ${value} ${unit}`))
heat.on('clear', () => console.log('cool'))
power.on('breach', () => worker.pause())
power.on('clear', () => worker.resume())
console.log('working')

await worker.done
console.log(pictures > 0 ? 'ended after some pictures' : 'ended before the first picture')
