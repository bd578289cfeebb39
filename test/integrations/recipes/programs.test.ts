/** The programs of docs/recipes, run as a user would run them. The sensor loop has a test of its own in test/schedule. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FIGURE, outputOn, patternOf, type Measured } from '../../docs/outputs.js'
import { CLI, ROOT } from '../../helpers/child.js'
import { eventually } from '../../helpers/eventually.js'
import { FakeMachine } from '../../helpers/fake-machine.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tripline-recipe-'))
})
afterEach(() => {
  for (const each of started.splice(0)) each.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

const started: ChildProcess[] = []

class Program {
  readonly process: ChildProcess
  output = ''

  constructor(name: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    const file = join(ROOT, 'examples/recipes', name)
    const command = name.endsWith('.sh') ? '/bin/sh' : process.execPath
    const options = { cwd: ROOT, env: { ...process.env, ...env } }
    this.process = spawn(command, [file, ...args], { ...options, stdio: ['ignore', 'pipe', 'inherit'] })
    started.push(this.process)
    this.process.stdout!.on('data', (chunk: Buffer) => (this.output += chunk.toString()))
  }

  async says(text: string): Promise<void> {
    await eventually(
      () => this.output.includes(text),
      () => `${text} in ${this.output}`,
    )
  }

  /** Its exit status. */
  async ends(): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, 'close')
    return this.process.exitCode
  }
}

/** What a recipe says that its program prints. */
function shown(recipe: string, begin: string, measured?: Measured): RegExp {
  return patternOf(outputOn(`docs/recipes/${recipe}.md`, begin), measured)
}

async function serve(listener: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

describe('the download', () => {
  it('shows its progress and leaves the whole file', async () => {
    const content = Buffer.alloc(3_000_000, 'abc')
    await using server = await serve((_, response) => {
      response.setHeader('content-length', content.length)
      response.end(content)
    })
    const file = join(folder, 'file')
    const program = new Program('download.js', [server.url, file])
    expect(await program.ends()).toBe(0)
    expect(program.output).toContain(`[##############################] 100 % of 3000000 bytes`)
    // The last line has no time left.
    const figures = {
      '##############................': /#*\.*/,
      '47': FIGURE,
      '10485760': /3000000/,
      ', 2 s left': /(?:, \d+ s left)?/,
    }
    const line = shown('download', '[##', figures)
    const lines = program.output.split('\n').filter((each) => each.startsWith('['))
    expect(lines.filter((each) => !line.test(`${each}\n`))).toEqual([])
    expect(readFileSync(file).equals(content)).toBe(true)
    expect(existsSync(`${file}.part`)).toBe(false)
  })

  it('shows bytes of a file whose size is not known, and understands an answer without a body', async () => {
    await using server = await serve((request, response) => {
      if (request.url === '/empty') response.writeHead(204).end()
      else response.write('x'.repeat(1000), () => response.end())
    })
    const file = join(folder, 'file')
    const program = new Program('download.js', [server.url, file])
    expect(await program.ends()).toBe(0)
    expect(program.output).toContain('1000 bytes\n')
    expect(program.output).not.toContain('%')
    expect(await new Program('download.js', [`${server.url}empty`, file]).ends()).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe('')
  })

  it('says why nothing came, or nothing can be written', async () => {
    await using server = await serve((request, response) => {
      if (request.url === '/missing') response.writeHead(404)
      response.end('x'.repeat(1_000_000))
    })
    const file = join(folder, 'file')
    const missing = new Program('download.js', [`${server.url}missing`, file])
    expect(await missing.ends()).toBe(1)
    expect(missing.output).toBe('\nerror: the server answered with 404\n')
    expect(existsSync(`${file}.part`)).toBe(false)
    mkdirSync(`${file}.part`)
    const refused = new Program('download.js', [server.url, file])
    expect(await refused.ends()).toBe(1)
    expect(refused.output).toMatch(/^\nerror: EISDIR.*\n$/)
    expect(await new Program('download.js').ends()).toBe(64)
  })

  it('ends when the server is silent, and keeps what came', async () => {
    await using server = await serve((_, response) => {
      response.setHeader('content-length', 1000)
      response.write('x'.repeat(400))
    })
    const file = join(folder, 'file')
    const program = new Program('download.js', [server.url, file], { IDLE: '2s' })
    expect(await program.ends()).toBe(1)
    expect(program.output).toContain('idle: No progress for 2s')
    expect(readFileSync(`${file}.part`, 'utf8')).toBe('x'.repeat(400))
    expect(existsSync(file)).toBe(false)
  })
})

describe('the pipeline', () => {
  it('sums up the whole file', async () => {
    const file = join(folder, 'rows.csv')
    writeFileSync(file, 'a,1\nb,2\na,x\n')
    const program = new Program('pipeline.js', [file])
    expect(await program.ends()).toBe(0)
    expect(program.output).toMatch(shown('pipeline', 'complete '))
  })

  it('takes any text as a name, and no amount for a bad line', async () => {
    const file = join(folder, 'rows.csv')
    writeFileSync(file, '__proto__,1\nconstructor,2\na,\nb\n\n')
    const program = new Program('pipeline.js', [file])
    expect(await program.ends()).toBe(0)
    expect(program.output).toBe('complete {"lines":5,"bad":3,"sums":{"__proto__":1,"constructor":2}}\n')
    const missing = new Program('pipeline.js', [join(folder, 'missing.csv')])
    expect(await missing.ends()).toBe(1)
    expect(missing.output).toContain('ENOENT')
  })

  it('has what it read when the time is over', async () => {
    const file = join(folder, 'rows.csv')
    writeFileSync(file, Buffer.alloc(200_000_000, 'a,1\n'))
    const program = new Program('pipeline.js', [file, '500ms'])
    expect(await program.ends()).toBe(2)
    expect(program.output).toMatch(shown('pipeline', 'partial ', { '120344': FIGURE, '100ms': /500ms/ }))
    const [lines, , sum] = program.output.match(/\d+/g)!
    expect(Number(lines)).toBeGreaterThan(0)
    expect(sum).toBe(lines)
  })
})

it('the busy loop in a pool ends in time, and its thread works on', async () => {
  const program = new Program('piscina.js')
  expect(await program.ends()).toBe(0)
  expect(program.output).toMatch(shown('piscina', '168 '))
})

/** A server-sent event with a token. */
function event(token: string): string {
  return `data: ${JSON.stringify({ token })}\n\n`
}

describe('the stream of a model', () => {
  it('is printed as it comes, wherever it is cut', async () => {
    await using server = await serve((_, response) => {
      const text = `${event('Hello')}: keep-alive\n\n${event(', wörld')}data: [DONE]\n\n`
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7))
      response.end()
    })
    const program = new Program('llm-stream.js', [server.url, 'hi'])
    expect(await program.ends()).toBe(0)
    expect(program.output).toBe('Hello, wörld\ncomplete\n')
  })

  it('may have events without a token, and errors', async () => {
    await using server = await serve((request, response) => {
      if (request.url === '/broken') return response.end(`${event('Hel')}data: {broken\n\n`)
      if (request.url === '/busy') return response.writeHead(503).end()
      return response.end(`data: null\n\ndata: {"token":null}\n\ndata: {}\n\n${event('Hello')}`)
    })
    const program = new Program('llm-stream.js', [server.url, 'hi'])
    expect(await program.ends()).toBe(0)
    expect(program.output).toBe('Hello\ncomplete\n')
    const broken = new Program('llm-stream.js', [`${server.url}broken`, 'hi'])
    expect(await broken.ends()).toBe(1)
    expect(broken.output).toMatch(/^Hel\nerror: .*JSON.* \(3 characters so far\)\n$/)
    const busy = new Program('llm-stream.js', [`${server.url}busy`, 'hi'])
    expect(await busy.ends()).toBe(1)
    expect(busy.output).toBe('\nerror: the model answered with 503 (0 characters so far)\n')
  })

  it('is given up when no token comes, though the connection is kept open', async () => {
    let gone = false
    await using server = await serve((request, response) => {
      response.write(event('The answer is'))
      const timer = setInterval(() => response.write(': keep-alive\n\n'), 50)
      response.on('close', () => {
        clearInterval(timer)
        gone = true
      })
      request.resume()
    })
    const program = new Program('llm-stream.js', [server.url, 'hi'], { IDLE: '500ms' })
    expect(await program.ends()).toBe(1)
    expect(program.output).toMatch(shown('llm-stream', 'The answer is', { '20s': /500ms/ }))
    await eventually(() => gone)
  })
})

describe('a step of a CI job', () => {
  it.each([
    ['passes', ['true'], {}, 0, ''],
    ['fails', ['sh', '-c', 'exit 3'], {}, 3, 'the step has failed with 3\n'],
    ['takes too long', ['sleep', '60'], { TIMEOUT: '300ms' }, 124, 'the step took too long, or was silent too long'],
    ['is silent', ['sleep', '60'], { IDLE: '300ms' }, 124, 'the step took too long, or was silent too long'],
    [
      'takes too much memory',
      [process.execPath, '-e', 'b = Buffer.alloc(3e8, 1); setTimeout(() => b, 60000)'],
      { MEMORY: '150MB' },
      123,
      'the step took more memory than it may',
    ],
  ] as const)('that %s', async (_, command, env, status, text) => {
    const report = join(folder, 'report.json')
    const program = new Program('ci.sh', command, { ...env, REPORT: report, TRIPLINE: `${process.execPath} ${CLI}` })
    expect(await program.ends()).toBe(status)
    expect(program.output).toContain(text)
    if (status === 124)
      expect(program.output).toMatch(shown('ci', 'the step took ', { 'report.json': new RegExp(report) }))
    expect(JSON.parse(readFileSync(report, 'utf8'))).toBeTypeOf('object')
  })
})

describe('the hot board', () => {
  it('works slower until it has cooled down', async () => {
    using machine = new FakeMachine()
    const setTemperature = (degrees: number): void =>
      machine.write('sys/class/thermal/thermal_zone0/temp', `${degrees}000\n`)
    machine.write('sys/class/thermal/thermal_zone0/type', 'cpu-thermal\n')
    setTemperature(50)
    const program = new Program('hot-pi.js', [], { MIN_HOLD: '10ms' })
    await program.says('working')
    setTemperature(80)
    await program.says('hot: ')
    setTemperature(70)
    setTemperature(60)
    await program.says('cool\n')
    expect(program.output).toContain(outputOn('docs/recipes/hot-pi.md', 'working'))
    program.process.kill()
    expect(await program.ends()).toBe(0)
    expect(program.output).toContain('ended after some pictures')
  })

  it('works on a machine without sensors, and says so', async () => {
    using _machine = new FakeMachine()
    const program = new Program('hot-pi.js')
    await program.says('no temperature: ')
    await program.says('working')
    program.process.kill()
    expect(await program.ends()).toBe(0)
  })
})

describe('the shutdown', () => {
  it('finishes the item in work, cleans up and exits with 0', async () => {
    const program = new Program('shutdown.js', [], { ITEM_MS: '4000' })
    await program.says('begin b')
    program.process.kill()
    expect(await program.ends()).toBe(0)
    expect(program.output).toMatch(shown('shutdown', 'begin a'))
  })

  it('does not wait beyond its deadline', async () => {
    const program = new Program('shutdown.js', [], { DEADLINE: '200ms', ITEM_MS: '3600000' })
    await program.says('begin b')
    program.process.kill()
    await program.says('connections are closed')
    program.process.kill()
    expect(await program.ends()).toBe(130)
    expect(program.output).not.toContain('end b')
  })
})
