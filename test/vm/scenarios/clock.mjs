// Steps of the wall clock: durations are not shortened, deadlines follow the date, and rates stay the same.
import { Subject, check, comes, equal, pause, scenario, shell, underLimits } from '../guest/scenario.mjs'

const hour = 3_600_000

await scenario(async () => {
  const subject = await Subject.start()
  await subject.guard('busy', { 'process.rss': { above: '1MB', for: '1000s' } })
  await subject.run((t, time) => {
    const { Cancelable, every } = t.tripline
    t.over = []
    const operate = (name, options) =>
      Cancelable.run((cancel) => cancel.sleep('1h'), options).catch((error) => t.over.push([name, error.reason.kind]))
    void operate('timeout', { timeout: '1000s' })
    void operate('short', { timeout: '25s' })
    void operate('deadline', { deadline: new Date(Date.now() + time) })
    t.ticker = every({ hz: 10 }, () => {})
  }, 3 * hour)
  const running = underLimits('--timeout 1000s', 'sleep 20')
  const watched = subject.run(
    (t, ...args) => t.collect(...args),
    ['cpu', 'cpu.host', 'process.cpu', 'network.rx', 'memory', 'load'],
    60,
  )

  for (const step of ['+1 hour', '-2 hours', '+1 hour']) {
    await pause(2000)
    await shell(`date -s '${step}'`)
  }
  const seen = await watched
  for (const metric of ['cpu', 'cpu.host', 'memory'])
    check(
      `${metric} stays within 0 to 100`,
      seen[metric].every((each) => each >= 0 && each <= 100),
      seen[metric].map(Math.round),
    )
  check(
    'rates are never negative',
    ['network.rx', 'process.cpu', 'load'].every((metric) => seen[metric].every((each) => each >= 0)),
  )
  check(
    'a limit with a long `for` has not breached',
    (await subject.state('busy')) === 'pending',
    await subject.state('busy'),
  )
  equal('run has not ended its command', (await running).code, 0)
  const { missed, over } = await subject.run((t) => ({ missed: t.ticker.stats.missed, over: t.over }))
  check('a ticker has not counted an hour of missed beats', missed < 10_000, missed)
  check(
    'no timeout and no deadline has ended an operation early',
    over.every(([name]) => name === 'short'),
    over,
  )

  await comes('a timeout ends its operation', async () => (await subject.run((t) => t.over)).length === 1)
  // Move the wall clock past the deadline.
  await shell("date -s '+4 hours'")
  const after = await subject.run(async (t) => {
    await t.pause(3000)
    return t.over
  })
  check(
    'the timeout has ended its operation, and perhaps the deadline too',
    after.every(([name]) => name !== 'timeout'),
    after,
  )
})
