/** examples/web, run as a user would run it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { outputOn, partsIn, patternOf, type Measured } from '../../docs/outputs.js'
import { ROOT } from '../../helpers/child.js'
import { eventually } from '../../helpers/eventually.js'
import { afterTest, get, rawClient } from './helpers.js'

it('answers, stops for clients that are gone, and ends with the requests that run', async () => {
  const server = spawn(process.execPath, [join(ROOT, 'examples/web/main.js')], { stdio: ['ignore', 'pipe', 'inherit'] })
  afterTest(() => server.kill('SIGKILL'))
  let output = ''
  server.stdout.on('data', (chunk) => (output += String(chunk)))
  const line = (): RegExpExecArray | null => /^http:\/\/127\.0\.0\.1:(\d+)$/m.exec(output)
  await eventually(() => line() !== null)
  const port = Number(line()![1])

  expect((await get(port, '/report?rows=2')).body).toBe('row 1\nrow 2\n')
  expect((await get(port, '/ready')).status).toBe(200)
  expect((await get(port, '/report?rows=100000')).status).toBe(504)

  const client = await rawClient(port, 'GET /report?rows=100000 HTTP/1.1\r\nHost: a\r\n\r\n')
  await get(port, '/live')
  client.socket.destroy()
  await eventually(() => output.includes('GET /report: The client has gone away'))

  const last = get(port, '/report?rows=20')
  // It has arrived before the signal does.
  await get(port, '/live')
  server.kill('SIGTERM')
  expect((await last).body).toContain('row 20\n')
  const [code] = (await once(server, 'exit')) as [number | null]
  expect(code).toBe(0)
  // What the recipe shows, in that order; more requests have ended here.
  const figures: Measured = { '8080': /\d+/, '0 completed': /\d completed/ }
  const shown = outputOn('docs/recipes/overload.md', 'http://').trimEnd().split('\n')
  const patterns = shown.map((each) => patternOf(each, partsIn(each, figures)))
  const lines = output.trimEnd().split('\n')
  expect(lines.filter((each) => patterns.some((pattern) => pattern.test(each)))).toHaveLength(shown.length)
  expect(lines.at(-1)).toMatch(patterns.at(-1)!)
})
