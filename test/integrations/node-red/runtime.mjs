// A real Node-RED with its editor, embedded as its documentation says, on a free port of loopback. The parent process asks by
// messages: `take` and `free` move `process.rss`, `count` says what is left in memory, `send` gives messages to a node, `seen`
// says what nodes have received and which statuses they show, `stop` ends it.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [source, userDir] = process.argv.slice(2)
const RED = createRequire(join(source, 'package.json'))('node-red')
const { snapshot } = createRequire(join(userDir, 'node_modules/x.js'))('tripline')

const server = createServer()
RED.init(server, {
  userDir,
  httpAdminRoot: '/',
  httpNodeRoot: '/api',
  flowFile: 'flows.json',
  credentialSecret: 'test',
  telemetry: { enabled: false, updateNotification: false },
  editorTheme: { tours: false, projects: { enabled: false }, palette: { catalogues: [] }, codeEditor: { lib: 'ace' } },
  externalModules: { palette: { allowInstall: false }, modules: { allowInstall: false } },
  logging: { console: { level: 'info', metrics: false, audit: false } },
})
server.on('request', (request, response) => RED.httpAdmin(request, response))
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const received = {}
const statuses = {}
RED.hooks.add('onReceive', ({ destination, msg }) => {
  ;(received[destination.id] ??= []).push({ topic: msg.topic, payload: msg.payload })
})
RED.events.on('node-status', ({ id, status }) => {
  statuses[id] = status?.text ?? ''
})

await RED.start()

let ballast
const answers = {
  take: (bytes) => {
    ballast = Buffer.alloc(bytes, 1)
    return ballast.length
  },
  free: () => {
    ballast = undefined
    globalThis.gc()
    return process.memoryUsage.rss()
  },
  rss: () => process.memoryUsage.rss(),
  send: async ({ id, messages }) => {
    let node
    // A deploy answers before the flows are started.
    while ((node = RED.nodes.getNode(id)) === null) await new Promise((resolve) => setTimeout(resolve, 20))
    for (const each of messages) node.receive(each)
    return messages.length
  },
  seen: (id) => ({ received: received[id] ?? [], status: statuses[id] ?? '' }),
  count: () => {
    globalThis.gc()
    return { heap: process.memoryUsage().heapUsed, series: [...snapshot()].length }
  },
}
async function stop() {
  await RED.stop()
  process.exit(0)
}
async function answer(ask, value) {
  process.send({ answer: ask, value: await answers[ask](value) })
}
process.on('message', ({ ask, value }) => {
  if (ask === 'stop') void stop()
  else void answer(ask, value)
})
process.send({ answer: 'ready', value: server.address().port })
