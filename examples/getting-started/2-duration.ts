// Durations can be strings with a unit, or a Temporal.Duration.
import { Cancelable } from 'tripline'

const result = await Cancelable.run(
  async (cancel) => {
    await cancel.sleep('20ms')
    return `done, with ${Math.round((cancel.context.deadline! - performance.now()) / 60_000)} minutes to spare`
  },
  { timeout: '5m' },
)
console.log(result)
