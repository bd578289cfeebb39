// The watchdog under a real systemd, and over a real device (softdog): which program is kept, which is killed, and what its status says.
import { existsSync, readdirSync } from 'node:fs'
import { check, comes, equal, finish, pause, poll, read, scenario, shell, write } from '../guest/scenario.mjs'

const period = 8
const devices = '/sys/class/watchdog'
const load = "import { watchdog } from '/app/node_modules/tripline/dist/index.js'"
const tripline = '/usr/bin/node /app/node_modules/tripline/dist/cli/main.js run --watchdog'

/** Starts a service. Its period begins when it has reported that it is ready, however long that takes. */
async function service(name, command) {
  const lines = ['Type=notify', 'NotifyAccess=all', 'TimeoutStartSec=infinity', 'WatchdogSignal=SIGKILL']
  write(
    `/run/systemd/system/${name}.service`,
    ['[Service]', ...lines, `WatchdogSec=${period}`, `ExecStart=${command}`, ''].join('\n'),
  )
  const { code, output } = await finish(['systemctl', 'start', `${name}.service`])
  equal(`${name} has started, because it said so`, code, 0)
  if (code !== 0) console.log(output)
}

/** Starts a program that uses the library as a service. */
function program(name, source) {
  write(`/run/${name}.mjs`, `${load}\n${source}\n`)
  return service(name, `/usr/bin/node /run/${name}.mjs`)
}

async function show(name, property) {
  const { output } = await finish(['systemctl', 'show', '--value', '-p', property, `${name}.service`])
  return output.trim()
}

/** Asserts that systemd kills a service, and returns its last status. */
async function killed(name, what) {
  await comes(
    what,
    async () => (await show(name, 'Result')) === 'watchdog',
    () => show(name, 'Result'),
  )
  return show(name, 'StatusText')
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
  // Kept: a healthy program, and a command that knows nothing of the watchdog.
  await Promise.all([
    program(
      'healthy',
      `const dog = watchdog({ eventLoop: '10s', resources: { 'process.rss': '2GB' } })
      const left = Object.keys(process.env).filter((name) => /WATCHDOG|NOTIFY/.test(name))
      dog.ready('all is well, variables left: ' + left.length)
      setInterval(() => {}, 1000)`,
    ),
    service(
      'command',
      `${tripline} -- /bin/sh -c "env >/run/command.env; systemd-notify --ready; exec sleep infinity"`,
    ),
  ])
  equal('the status is the program’s', await show('healthy', 'StatusText'), 'all is well, variables left: 0')
  const pids = [await show('healthy', 'MainPID'), await show('command', 'MainPID')]
  await pause(2.5 * period * 1000)
  for (const [index, name] of ['healthy', 'command'].entries()) {
    equal(`${name} is active after more than two periods`, await show(name, 'ActiveState'), 'active')
    equal(`${name} is the same process`, await show(name, 'MainPID'), pids[index])
  }
  const variables = read('/run/command.env')
  check('the command has no variables of the watchdog', !/^WATCHDOG_/m.test(variables), variables)
  await shell('systemctl stop healthy command')

  // Killed: a blocked loop, a breach that stays although the loop is free, and a command that is paused for good.
  await Promise.all([
    program(
      'blocked',
      `const dog = watchdog({ eventLoop: '3s' })
      dog.ready('listening')
      setTimeout(function spin() { for (;;); }, 1000)`,
    ),
    program(
      'breached',
      `const dog = watchdog({ eventLoop: '30s', resources: { 'process.rss': 1 } })
      dog.ready('listening')
      setInterval(() => {}, 1000)`,
    ),
    service(
      'paused',
      `${tripline} --cpu-time 3s --on-breach pause -- /bin/sh -c "systemd-notify --ready; while :; do :; done"`,
    ),
  ])
  const said = await killed('blocked', 'a blocked program is killed')
  // The line is missing where the sampling thread was so late that it could not ask for it before the limit was crossed.
  check(
    'its status names the blocked loop, and no other line than that which blocks it',
    /^Watchdog not fed: eventLoop\.delay \d+ ms( in spin \(\S*blocked\.mjs:4:\d+\))?$/.test(said),
    said,
  )
  const breach = await killed('breached', 'a program with a breach that stays is killed')
  check('its status names the limit', breach.startsWith('Watchdog not fed: process.rss '), breach)
  const why = await killed('paused', 'a command that is paused for good is killed')
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
  const twice = await run(`${open()}
    const { openSync } = await import('node:fs')
    try { openSync('/dev/${name}', 'w') } catch (error) { console.log(error.code) }
    dog.close()`)
  check('the next one feeds it, and nothing else can open it meanwhile', twice.output.includes('EBUSY'), twice.output)
  equal('and it stops it', active(), 'inactive')
  await shell('rmmod softdog')
  const stubborn = await softdog('nowayout=1')
  const refused = await run(
    `try { watchdog({ eventLoop: '30s', device: '/dev/${stubborn}' }) } catch (error) { console.log(error.kind) }`,
  )
  check('a device with nowayout is refused', refused.output.includes('nowayout'), refused.output)
  equal('without having been opened', read(`${devices}/${stubborn}/state`), 'inactive')
})
