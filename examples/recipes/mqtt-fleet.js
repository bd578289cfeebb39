// A device of a fleet: publishes the breaches of its limits, and lets an operator cancel its jobs.
//
//   DEVICE=pump-7 MQTT_URL=mqtt://broker MQTT_PASSWORD=... node mqtt-fleet.js
import { randomUUID } from 'node:crypto'
import mqtt from 'mqtt'
import { Cancelable, customReason, guard } from 'tripline'

const { DEVICE, MQTT_URL, MQTT_PASSWORD, LIMITS = '{"memory": 90}' } = process.env
const BREACHES = `fleet/${DEVICE}/breaches`
const CANCEL = `fleet/${DEVICE}/cancel`

// The broker checks that a device uses its own topics only: see fleet.acl.
const client = mqtt.connect(MQTT_URL, { username: DEVICE, password: MQTT_PASSWORD, clientId: DEVICE, clean: true })
client.on('error', (error) => console.error(error.message))

/** Breaches go out as CloudEvents, https://cloudevents.io. */
function publish(type, data) {
  const time = new Date().toISOString()
  const event = { specversion: '1.0', id: randomUUID(), source: `/fleet/${DEVICE}`, type, time, data }
  client.publish(BREACHES, JSON.stringify(event), { qos: 1 })
}

const machine = guard(JSON.parse(LIMITS), { minHold: '1s', name: 'machine' })
machine.on('breach', ({ metric, value, limit, unit }) => publish('tripline.breach', { metric, value, limit, unit }))
machine.on('clear', () => publish('tripline.clear', {}))

const jobs = new Map()

async function runJob(id, work) {
  const job = new Cancelable({ name: id })
  jobs.set(id, job)
  try {
    await job.run(work)
    console.log(`${id}: done`)
  } catch (error) {
    console.log(`${id}: ${error.message}`)
  } finally {
    jobs.delete(id)
  }
}

/** Text from outside, without what would move the cursor of a terminal that shows the log, or reorder its characters. */
function plain(text) {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ')
}

/** Whatever a broker delivers is checked: its size, its form, its values. Returns undefined for what is no order. */
function orderIn(payload) {
  if (payload.length > 4096) return undefined
  try {
    const { specversion, type, data } = JSON.parse(payload)
    const isOrder = specversion === '1.0' && type === 'tripline.cancel' && typeof data?.job === 'string'
    const reason = plain(String(data?.reason ?? 'Canceled'))
    return isOrder ? { job: data.job, reason: reason.slice(0, 200) } : undefined
  } catch {
    return undefined
  }
}

client.on('message', (topic, payload, { retain }) => {
  // A retained message is an old one: it would cancel each later job of that name.
  const order = topic === CANCEL && !retain ? orderIn(payload) : undefined
  const job = order && jobs.get(order.job)
  if (job === undefined) return console.log(`ignored a message on ${plain(topic)}`)
  job.cancel(customReason(order.reason, {}, { by: 'operator' }))
})

client.on('connect', () => {
  client.subscribe(CANCEL, { qos: 1 }, () => console.log('subscribed'))
})

process.once('SIGTERM', () => {
  for (const job of jobs.values()) job.cancel('SIGTERM')
  machine.close()
  client.end()
})
await runJob('mix', (cancel) => cancel.sleep('1h'))
