/** The examples of docs/web.md and docs/bullmq.md run, with what they take from the program around them. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { transformSync } from 'rolldown/utils'
import { afterEach, expect, it } from 'vitest'
import { claimsOf, snippetsOf } from '../docs/snippets.js'
import { ROOT } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import { Redis } from './redis.js'
import { freePort } from './service.js'

const folder = join(ROOT, '.cache/docs-programs')
const started: ChildProcess[] = []
afterEach(() => {
  for (const each of started.splice(0)) each.kill('SIGKILL')
})

function examplesOf(page: string): string[] {
  const text = readFileSync(join(ROOT, `docs/${page}.md`), 'utf8')
  const examples = Array.from(text.matchAll(/^```ts\n([^]*?)^```$/gm), ([, code]) => code!)
  // A busy machine would cross the limits.
  return examples.map((each) => each.replace(/resources: \{.*?\}/, 'resources: { memory: 99.9 }'))
}

function start(name: string, code: string): { readonly process: ChildProcess; readonly output: () => string } {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${name}.mjs`)
  writeFileSync(file, transformSync(`${name}.ts`, code).code)
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
  started.push(child)
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return { process: child, output: () => output }
}

const AROUND = `
const render = async (what) => 'rendered ' + what
const report = async (id) => ({ id })
`

it.each([
  ['node:http', 0, 'rendered /reports/7'],
  ['Express', 1, '{"id":"7"}'],
  ['Fastify', 2, '{"id":"7"}'],
])('the server of %s answers, and ends in order', async (_, index, answer) => {
  const port = await freePort()
  const code = AROUND + examplesOf('web')[index]!.replaceAll('8080', `${port}`)
  expect(code).toContain(`${port}`)
  const { process: server } = start(`web-${index}`, code)
  let isUp = false
  while (!isUp)
    isUp = await fetch(`http://127.0.0.1:${port}/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  expect(await (await fetch(`http://127.0.0.1:${port}/reports/7`)).text()).toBe(answer)
  server.kill()
  expect(await once(server, 'exit')).toEqual([0, null])
})

it('the worker of BullMQ does its job, one is canceled by its id, and the worker is listed', async () => {
  await using redis = await Redis.start()
  const examples = examplesOf('bullmq')
  expect(examples).toHaveLength(3)
  const code = `
import { Queue } from 'bullmq'
const connection = { host: '127.0.0.1', port: ${redis.port} }
const queue = new Queue('reports', { connection })
const load = async (query, { signal }) => {
  if (query !== 'long') return [query]
  console.log('loading')
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}
const render = async (rows) => rows.join()
await queue.add('short', { query: 'short' })
const job = await queue.add('long', { query: 'long' })
${examples[0]}
worker.on('completed', (job, value) => console.log('completed', job.name, value))
worker.on('failed', (job, error) => console.log('failed', job.name, error.message))
while ((await queue.getJobState(job.id)) !== 'active');
${examples[1]}
${examples[2]}
while ((await queue.getJobState(job.id)) !== 'failed');
await worker.close()
await queue.close()
`
  const { process: program, output } = start('bullmq', code)
  await eventually(() => program.exitCode !== null, output)
  expect(program.exitCode).toBe(0)
  expect(output()).toContain('completed short short\n')
  for (const { text } of snippetsOf('bullmq').flatMap(claimsOf)) expect(output()).toContain(`${text}\n`)
  expect(output()).toContain('failed long The order was withdrawn\n')
  expect(output()).toMatch(new RegExp(` ${program.pid} running [01] \\[\\]`))
})
