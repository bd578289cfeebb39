// The watchdog under a real systemd, and over a real device (softdog): which program is kept, which is killed, and what its status says.
import { existsSync, readdirSync } from 'node:fs'
import { check, comes, equal, finish, pause, poll, read, scenario, shell, write } from '../guest/scenario.mjs'

const period = 8
// For services that systemd takes to have started before their first line runs.
const slowly = 40
const devices = '/sys/class/watchdog'
const load = "import { watchdog } from '/app/node_modules/tripline/dist/index.js'"

/** Starts a program as a service. */
async function service(name, lines, source, seconds = period) {
  if (source !== undefined) write(`/run/${name}.mjs`, `${load}\n${source}\n`)
  write(`/run/systemd/system/${name}.service`, ['[Service]', `WatchdogSec=${seconds}`, ...lines, ''].join('\n'))
  await shell('systemctl daemon-reload')
  return finish(['systemctl', 'start', `${name}.service`])
}

async function show(name, property) {
  const { output } = await finish(['systemctl', 'show', '--value', '-p', property, `${name}.service`])
  return output.trim()
}

/** Runs a program that uses the device. */
const run = (source) => finish(['node', '--input-type=module', '-e', `${load}\n${source}`])

/** Loads the kernel's software watchdog, and returns the name of its device. */
async function softdog(parameters) {
  await shell(`modprobe softdog soft_margin=600 ${parameters}`)
  return poll(() =>
    readdirSync(devices).find(
      (each) => read(`${devices}/${each}/identity`) === 'Software Watchdog' && existsSync(`/dev/${each}`),
    ),
  )
}

await scenario(async () => {
  const notify = ['Type=notify', 'TimeoutStartSec=120', 'WatchdogSignal=SIGKILL']

  // A healthy program is kept.
  const started = await service(
    'healthy',
    [...notify, 'ExecStart=/usr/bin/node /run/healthy.mjs'],
    `const dog = watchdog({ eventLoop: '3s', resources: { 'process.rss': '2GB' } })
    setTimeout(() => dog.ready('all is well'), 1000)
    setInterval(() => console.log(JSON.stringify([dog.state, dog.stats, Object.keys(process.env).filter((name) => /WATCHDOG|NOTIFY/.test(name))])), 1000)`,
  )
  equal('the service has started, because the program said so', started.code, 0)
  equal('its status is the program’s', await show('healthy', 'StatusText'), 'all is well')
  const pid = await show('healthy', 'MainPID')
  await pause(2.5 * period * 1000)
  equal('it is alive after more than two periods', await show('healthy', 'MainPID'), pid)
  equal('and active', await show('healthy', 'ActiveState'), 'active')
  await shell('systemctl stop healthy')

  // A blocked loop is killed, and the status has the reason.
  await service(
    'blocked',
    [...notify, 'ExecStart=/usr/bin/node /run/blocked.mjs'],
    `const dog = watchdog({ eventLoop: '3s' })
    dog.ready('listening')
    setTimeout(() => { for (;;); }, 3000)`,
  )
  await comes(
    'a blocked program is killed by the watchdog',
    async () => (await show('blocked', 'Result')) === 'watchdog',
    () => show('blocked', 'Result'),
    120_000,
  )
  const said = await show('blocked', 'StatusText')
  check('its status names the blocked loop', /^Watchdog not fed: eventLoop\.delay \d+ ms/.test(said), said)

  // A breach that stays, though the loop is free.
  await service(
    'breached',
    [...notify, 'ExecStart=/usr/bin/node /run/breached.mjs'],
    `const dog = watchdog({ eventLoop: '30s', resources: { 'process.rss': 1 } })
    dog.ready('listening')
    setInterval(() => {}, 1000)`,
  )
  await comes(
    'a program with a breach that stays is killed',
    async () => (await show('breached', 'Result')) === 'watchdog',
    () => show('breached', 'Result'),
    120_000,
  )
  const breach = await show('breached', 'StatusText')
  check('its status names the limit', breach.startsWith('Watchdog not fed: process.rss '), breach)

  // `run --watchdog`, for a command that knows nothing of it.
  const tripline = '/usr/bin/node /app/node_modules/tripline/dist/cli/main.js run --watchdog'
  const command = `ExecStart=${tripline} -- /bin/sh -c "env >/run/command.env; exec sleep 1000"`
  await service('command', ['Type=exec', command], undefined, slowly)
  await pause(1.5 * slowly * 1000)
  equal('a command is kept alive', await show('command', 'ActiveState'), 'active')
  check('it has no variables of the watchdog', !/WATCHDOG_/.test(read('/run/command.env')), read('/run/command.env'))
  await shell('systemctl stop command')
  const busy = `ExecStart=${tripline} --cpu-time 2s --on-breach pause -- /bin/sh -c "while :; do :; done"`
  await service('paused', ['Type=exec', 'WatchdogSignal=SIGKILL', busy], undefined, slowly)
  await comes(
    'a command that is paused for good is killed',
    async () => (await show('paused', 'Result')) === 'watchdog',
    () => show('paused', 'Result'),
    120_000,
  )
  const why = await show('paused', 'StatusText')
  check('its status says that it is paused', why.startsWith('Watchdog not fed: paused: process.cpuTime'), why)

  // A device. Its timeout is longer than anything here takes, so that no mistake restarts the guest. The emulated chipset has
  // a watchdog too, which is not used.
  const name = await softdog('')
  const active = () => read(`${devices}/${name}/state`)
  const open = () => `const dog = watchdog({ eventLoop: '30s', device: '/dev/${name}' })
    const { readFileSync } = await import('node:fs')
    while (dog.stats.fed === 0) await new Promise((done) => setTimeout(done, 50))
    console.log(dog.period, dog.stats.failure, readFileSync('${devices}/${name}/state', 'latin1').trim())`
  equal('nothing has opened the device', active(), 'inactive')
  const first = await run(`${open()}; dog.close()`)
  check('the device is fed', first.output.includes('600000  active'), first.output)
  equal('close() stops it', active(), 'inactive')
  await run(`${open()}; process.exit(3)`)
  equal('process.exit() stops it', active(), 'inactive')
  const end = await run(open())
  equal('the end of the program stops it', active(), 'inactive')
  equal('with its own status', end.code, 0)
  await run(`${open()}; process.kill(process.pid, 'SIGKILL')`)
  equal('SIGKILL leaves it running', active(), 'active')
  await run(`${open()}; dog.close()`)
  equal('the next one feeds it and stops it', active(), 'inactive')
  const twice = await run(`${open()}
    const { openSync } = await import('node:fs')
    try { openSync('/dev/${name}', 'w') } catch (error) { console.log(error.code) }
    dog.close()`)
  check('nothing else can open it meanwhile', twice.output.includes('EBUSY'), twice.output)
  await shell('rmmod softdog')
  const stubborn = await softdog('nowayout=1')
  const refused = await run(
    `try { watchdog({ eventLoop: '30s', device: '/dev/${stubborn}' }) } catch (error) { console.log(error.kind) }`,
  )
  check('a device with nowayout is refused', refused.output.includes('nowayout'), refused.output)
  equal('without having been opened', read(`${devices}/${stubborn}/state`), 'inactive')
})
