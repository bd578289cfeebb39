/** The fleet of docs/recipes/mqtt-fleet.md on a real Mosquitto, with its password file and access rules. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { ROOT } from '../../helpers/child.js'
import { eventually } from '../../helpers/eventually.js'
import { freePort, Service } from '../service.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-mosquitto-'))
const CANCEL = 'fleet/pump-7/cancel'
let broker: Service
let url: string
const devices: ChildProcess[] = []
const clients: MqttClient[] = []

beforeAll(async () => {
  const port = await freePort()
  url = `mqtt://127.0.0.1:${port}`
  const passwords = join(folder, 'passwords')
  writeFileSync(passwords, '')
  for (const name of ['pump-7', 'pump-8', 'operator']) {
    execFileSync('mosquitto_passwd', ['-b', passwords, name, `secret of ${name}`])
  }
  const rules = join(folder, 'acl')
  copyFileSync(join(ROOT, 'examples/recipes/fleet.acl'), rules)
  const settings = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous false',
    `password_file ${passwords}`,
    `acl_file ${rules}`,
    'persistence false',
    'log_dest stdout',
    // As root it would become a user of its own, which may not read this folder.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
  ]
  for (const each of [passwords, rules]) chmodSync(each, 0o600)
  writeFileSync(join(folder, 'mosquitto.conf'), `${settings.join('\n')}\n`)
  broker = new Service('mosquitto', ['-c', join(folder, 'mosquitto.conf')])
  let isUp = false
  while (!isUp) {
    const socket = connectSocket(port, '127.0.0.1')
    isUp = await new Promise((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    )
    socket.destroy()
  }
})

afterEach(() => {
  for (const each of devices.splice(0)) each.kill('SIGKILL')
  for (const each of clients.splice(0)) each.end(true)
})

afterAll(async () => {
  await broker.stop()
  rmSync(folder, { recursive: true })
})

function device(limits: object): { readonly process: ChildProcess; readonly output: () => string } {
  const env = {
    ...process.env,
    DEVICE: 'pump-7',
    MQTT_URL: url,
    MQTT_PASSWORD: 'secret of pump-7',
    LIMITS: JSON.stringify(limits),
  }
  const program = join(ROOT, 'examples/recipes/mqtt-fleet.js')
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  devices.push(child)
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return { process: child, output: () => output }
}

async function connectAs(username: string): Promise<MqttClient> {
  const client = await mqtt.connectAsync(url, { username, password: `secret of ${username}` })
  clients.push(client)
  return client
}

function order(data: unknown, more: object = {}): string {
  return JSON.stringify({ specversion: '1.0', id: '1', source: '/office', type: 'tripline.cancel', data, ...more })
}

const ignored = (output: string): number => output.split(`ignored a message on ${CANCEL}`).length - 1

it('publishes breaches as CloudEvents', async () => {
  const operator = await connectAs('operator')
  const events: Record<string, unknown>[] = []
  operator.on('message', (topic, payload) => events.push({ topic, ...(JSON.parse(payload.toString()) as object) }))
  await operator.subscribeAsync('fleet/+/breaches')
  // Any process is larger than that.
  device({ 'process.rss': '1MB' })
  await eventually(() => events.length > 0)
  const { topic, specversion, id, source, type, time, data } = events[0]!
  expect([topic, specversion, source, type]).toEqual([
    'fleet/pump-7/breaches',
    '1.0',
    '/fleet/pump-7',
    'tripline.breach',
  ])
  expect([id, new Date(time as string).toISOString()]).toEqual([expect.any(String), time])
  expect(data).toEqual({ metric: 'process.rss', value: expect.any(Number) as number, limit: 1e6, unit: 'bytes' })
})

it('cancels a job by order of the operator, and ignores everything else', async () => {
  const operator = await connectAs('operator')
  await operator.publishAsync(CANCEL, order({ job: 'mix', reason: 'old news' }), { retain: true, qos: 1 })
  const { process: child, output } = device({ memory: 99.9 })
  await eventually(() => output().includes('subscribed'))
  await eventually(() => ignored(output()) === 1)
  const bad = [
    'no JSON',
    order({ job: 'mix' }, { type: 'another' }),
    order({ job: 'mix' }, { specversion: '9' }),
    order({ job: 7 }),
    order(null),
    order({ job: 'another' }),
    order({ job: 'mix', reason: 'x'.repeat(5000) }),
    order({ job: 'mix', reason: 'x'.repeat(5_000_000) }),
  ]
  for (const each of bad) await operator.publishAsync(CANCEL, each, { qos: 1 })
  await eventually(() => ignored(output()) === 9)
  // The broker does not pass on what the rules forbid, and does not say so to a client of MQTT 3.
  const other = await connectAs('pump-8')
  await other.publishAsync(CANCEL, order({ job: 'mix', reason: 'from a neighbor' }), { qos: 1 })
  expect(output()).not.toContain('mix:')
  await operator.publishAsync(CANCEL, order({ job: 'mix', reason: 'Rinse\u001bfirst\u202e!' }), { qos: 1 })
  await eventually(() => output().includes('mix: '))
  expect(output()).toContain('mix: Rinse first !\n')
  expect(ignored(output())).toBe(9)
  child.kill()
  await once(child, 'exit')
  await operator.publishAsync(CANCEL, '', { retain: true, qos: 1 })
})

it('lets nothing in without a password', async () => {
  await expect(mqtt.connectAsync(url, { username: 'operator', password: 'guessed' })).rejects.toThrow(/not author/i)
})
