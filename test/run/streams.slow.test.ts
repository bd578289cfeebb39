/** A command's streams: pipes, capture, lines and input. */
import { existsSync, openSync, closeSync, readFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, type Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { CancelationToken, run, type RunInput, type RunOptions, type Running } from '../../src/index.js'
import { runModule } from '../helpers/child.js'
import { makeTag, processesWith } from '../helpers/cli.js'
import { eventually } from '../helpers/eventually.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-streams-'))
afterAll(() => rmSync(folder, { recursive: true }))

const PIPES = { stdio: 'pipe' } as const
const shell = (line: string, options?: RunOptions): Running => run('bash', ['-c', line], options)
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const each of items) list.push(each)
  return list
}

describe('pipes', () => {
  it('are streams of Node, at once and in the "started" event, and null where there is none', async () => {
    let handle: unknown
    const running = shell('cat; echo error >&2', {
      ...PIPES,
      onEvent: (event) => event.kind === 'started' && (handle = event.command.stdout),
    })
    running.stdin!.end('given')
    expect(await Promise.all([text(running.stdout!), text(running.stderr!)])).toEqual(['given', 'error\n'])
    expect(await running).toMatchObject({ status: 0, stdout: undefined, stderr: undefined, truncated: false })
    expect(handle).toBe(running.stdout)
    const other = shell('true', { stdio: ['ignore', 'pipe', 'ignore'] })
    expect([other.stdin, other.stderr, other.stdio.length]).toEqual([null, null, 3])
    await other
  })

  it('can be opened anew by the command, unlike sockets', async () => {
    const { stdout } = await shell('cat /dev/stdin > /dev/stdout', { input: 'text', capture: true })
    expect(stdout).toBe('text')
  })

  it('above 2 work in both directions, next to descriptors in any order', async () => {
    const file = join(folder, 'above')
    const fd = openSync(file, 'w')
    const right = shell(
      'read -r line <&4; echo "got $line" >&4; echo to file >&5; for n in {3..7}; do [ -e /proc/$$/fd/$n ] && echo -n $n; done; true',
      {
        stdio: ['ignore', 'pipe', 'ignore', 'ignore', 'pipe', fd, { fd }],
      },
    )
    const both = right.stdio[4] as Duplex
    both.end('word\n')
    expect(await Promise.all([text(both), text(right.stdout!)])).toEqual(['got word\n', '456'])
    await right
    closeSync(fd)
    expect(readFileSync(file, 'utf8')).toBe('to file\n')
  })

  it('hold the command back while they are not read, and its limits go on', async () => {
    const running = shell('yes', {
      stdio: ['ignore', 'pipe', 'ignore'],
      limits: { 'process.cpuTime': 5000 },
      timeout: 500,
    })
    const { status, cpuTime } = await running
    expect(status).toBe(124)
    // Unread output is at most what the pipe and the stream hold.
    expect((await text(running.stdout!)).length).toBeLessThan(300_000)
    expect(cpuTime).toBeLessThan(5000)
  })

  it('pass everything on while silence is watched', async () => {
    const { stdout } = await shell('seq 100000', { capture: true, idleOutput: '20s' })
    expect(stdout).toBe(Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join(''))
    expect(await shell('echo once; sleep 60', { capture: true, idleOutput: 5000 })).toMatchObject({
      status: 124,
      stdout: 'once\n',
    })
  })

  it('need no listener for errors when the command does not read', async () => {
    const running = shell('exec <&-; sleep 0.1', PIPES)
    running.stdin!.write('x'.repeat(200_000))
    running.stdout!.resume()
    running.stderr!.resume()
    expect((await running).status).toBe(0)
  })

  it('leave no descriptor behind, and let the process end', async () => {
    const { stdout, stderr } = await runModule(`
      const { readdirSync } = await import('node:fs')
      const open = () => readdirSync('/proc/self/fd').length
      const once = (command) => tripline.run(command, ['x'], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], peaks: false })
      const all = async (command) => { const running = once(command); for (const each of running.stdio) each.resume?.(); await running }
      await all('echo')
      const before = open()
      for (let i = 0; i < 10; i++) await all('echo')
      for (let i = 0; i < 10; i++) await all('no-such-command').catch(() => {})
      for (let i = 0; i < 10; i++) await tripline.run('echo', [], { stdio: 'pipe', token: canceled() }).catch(() => {})
      function canceled() { const token = new tripline.CancelationToken(); token.cancel(); return token }
      await new Promise((resolve) => setTimeout(resolve, 100))
      console.log(open() <= before)`)
    expect([stdout, stderr]).toEqual(['true\n', ''])
  })
})

describe('capture', () => {
  it('ends with the command, even if a process that is kept goes on writing', async () => {
    const line = 'echo first; (while sleep 0.05; do echo more || exit; done) &'
    const result = await shell(line, { capture: true, keep: true })
    expect(result).toMatchObject({ status: 0, reason: undefined })
    expect(result.stdout).toMatch(/^first\n(more\n)*$/)
  })

  it('keeps both streams as text, of the pipes only', async () => {
    expect(await shell('echo out; echo err >&2', { capture: true })).toMatchObject({ stdout: 'out\n', stderr: 'err\n' })
    const one = await shell('echo out; echo err >&2', { capture: true, stdio: ['ignore', 'pipe', 'ignore'] })
    expect([one.stdout, one.stderr]).toEqual(['out\n', undefined])
  })

  it('decodes characters that are split, and replaces bytes that are not UTF-8', async () => {
    const { stdout } = await shell(`printf '\\xf0\\x9f'; sleep 0.2; printf '\\x98\\x80 \\xff'`, { capture: true })
    expect(stdout).toBe('😀 \uFFFD')
  })

  it('ends the command at maxBuffer, and says so', async () => {
    const tag = makeTag()
    const result = await shell(`setsid sleep ${tag} & yes`, { capture: true, maxBuffer: 1000 })
    expect(result).toMatchObject({ status: 143, truncated: true, sent: 'SIGTERM' })
    expect(result.reason).toMatchObject({ kind: 'error', cause: { code: 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER' } })
    expect(result.stdout).toBe('y\n'.repeat(500))
    expect(processesWith(tag)).toEqual([])
  })

  it("takes Node's maxBuffer by default, and exactly that much", async () => {
    const all = await shell(`head -c ${2 ** 20} /dev/zero`, { capture: true })
    expect([all.stdout!.length, all.truncated, all.reason]).toEqual([2 ** 20, false, undefined])
    const more = await shell(`head -c ${2 ** 20 + 1} /dev/zero; sleep 60`, { capture: true })
    expect([more.stdout!.length, more.truncated]).toEqual([2 ** 20, true])
    // Whether the rest is read before or after its end.
    expect(await shell('echo 12; sleep 0.01; echo 34', { capture: true, maxBuffer: 4 })).toMatchObject({
      stdout: '12\n3',
      reason: { kind: 'error' },
    })
  })

  it('drops the rest with overflow: truncate, without half a character', async () => {
    const options = { capture: true, overflow: 'truncate', maxBuffer: 5 } as const
    const result = await shell('printf äöü; printf "%s" long error >&2; exit 3', options)
    expect(result).toMatchObject({ status: 3, stdout: 'äö', stderr: 'longe', truncated: true, reason: undefined })
  })

  it('has all of the output of a command that was ended', async () => {
    const result = await shell('trap "echo last; exit" TERM; echo first; sleep 60 & wait', {
      capture: true,
      timeout: 2000,
    })
    expect(result).toMatchObject({ status: 124, stdout: 'first\nlast\n' })
  })

  it('has all output although the event loop was blocked at the end', async () => {
    const running = shell('seq 5000', { capture: true })
    await wait(10)
    for (const end = performance.now() + 600; performance.now() < end;);
    expect((await running).stdout!.length).toBe(23_893)
  })

  it('does not wait for a process that is not part of the tree and holds the pipe', async () => {
    const running = shell('echo $$ $BASHPID; read -r', { stdio: ['pipe', 'pipe', 'ignore'], capture: true })
    await eventually(() => running.stdout!.readableLength >= 0 && !running.stdout!.readableEnded)
    const holder = openSync(`/proc/self/fd/${descriptorOf(running.stdout as unknown as Holder)}`, 'r')
    running.stdin!.end()
    expect((await running).status).toBe(1)
    closeSync(holder)
  })
})

interface Holder {
  readonly _handle: { readonly fd: number }
}
function descriptorOf({ _handle: { fd } }: Holder): number {
  return fd
}

describe('lines', () => {
  it('come one by one, from either stream, whatever their ends', async () => {
    const running = shell(`printf 'one\\r\\n\\ntwo\\rthree\\nfour'; printf 'error\\n' >&2`, PIPES)
    const [out, err] = await Promise.all([listOf(running.lines()), listOf(running.lines('stderr'))])
    expect(out).toEqual(['one', '', 'two\rthree', 'four'])
    expect(err).toEqual(['error'])
    expect((await running).status).toBe(0)
  })

  it('are decoded across chunks, with bytes that are not UTF-8', async () => {
    const line = `printf 'a\\xe2\\x82'; sleep 0.2; printf '\\xac\\r'; sleep 0.2; printf '\\nb\\xff\\xe2\\n\\xe2\\x82'`
    expect(await listOf(shell(line, PIPES).lines())).toEqual(['a€', 'b\uFFFD\uFFFD', '\uFFFD'])
  })

  it('hold the command back while they are not taken', async () => {
    const file = join(folder, 'progress')
    const line = 'x'.repeat(10_000)
    const running = shell(`for i in {1..100}; do echo ${line}; echo $i >> ${file}; done`, PIPES)
    const lines = running.lines()
    expect((await lines.next()).value).toBe(line)
    // It stops once the pipe is full.
    const progress = (): number => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0)
    for (let [seen, now] = [0, 0]; now === 0 || now !== seen; await wait(300)) [seen, now] = [now, progress()]
    expect(progress()).toBeLessThan(100)
    expect(await listOf(lines)).toHaveLength(99)
    expect((await running).status).toBe(0)
  })

  it('close the pipe when the loop is left, but not of captured output', async () => {
    const running = shell('yes', PIPES)
    for await (const line of running.lines()) {
      expect(line).toBe('y')
      break
    }
    expect((await running).signal).toBe('SIGPIPE')
    const captured = shell('seq 1000', { capture: true })
    for await (const line of captured.lines()) if (line === '10') break
    expect((await captured).stdout).toHaveLength(3893)
  })

  it('begin with the first one of captured output, however late they are asked for', async () => {
    const running = shell('echo 1; echo 2', { capture: true })
    await running
    expect(await listOf(running.lines())).toEqual(['1', '2'])
  })

  it('do not keep a run with captured output from its end', async () => {
    const running = shell('seq 20000', { capture: true })
    const lines = running.lines()
    await lines.next()
    await expect(Promise.race([running.then(({ stdout }) => stdout!.length), listOf(lines)])).resolves.toBeTruthy()
    expect((await running).stdout).toHaveLength(108_894)
  })

  it('end the command if one is longer than maxBuffer, or are cut', async () => {
    const running = shell('tr "\\\\0" x < /dev/zero', { ...PIPES, maxBuffer: 1000 })
    expect((await listOf(running.lines())).map(({ length }) => length)).toEqual([1000])
    expect(await running).toMatchObject({ reason: { kind: 'error' } })
    const cut = shell('echo 12345; echo 123456; echo 1', { ...PIPES, maxBuffer: 5, overflow: 'truncate' })
    expect(await listOf(cut.lines())).toEqual(['12345', '12345', '1'])
    expect(await cut).toMatchObject({ status: 0, reason: undefined })
  })

  it('fail with the error of a command that cannot be run, which then needs no other handler', async () => {
    await expect(listOf(run('no-such-command', [], PIPES).lines())).rejects.toMatchObject({ kind: 'not-found' })
    await expect(listOf(run('true', [], { stdio: 'pip' as never }).lines())).rejects.toThrow('"stdio"')
  })

  it('are refused where there is no pipe, and a second time', async () => {
    const running = shell('true', { stdio: ['ignore', 'pipe', 'ignore'] })
    expect(() => running.lines('stderr')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }))
    expect(() => running.lines('stdin' as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
    running.lines()
    expect(() => running.lines()).toThrow('are being read already')
    await running
  })
})

describe('input', () => {
  const LONG = 'ä'.repeat(200_000)

  const inputs: readonly [what: string, make: () => RunInput | Promise<RunInput>, expected?: string][] = [
    ['text', () => LONG],
    ['no text', () => '', ''],
    ['bytes', () => Buffer.from(LONG)],
    ['a Uint8Array', () => new Uint8Array(Buffer.from(LONG))],
    ['a stream', () => Readable.from([LONG.slice(0, 9), Buffer.from(LONG.slice(9))])],
    ['a web stream', () => new Blob([LONG]).stream()],
    ['an iterable', () => [LONG.slice(0, 9), LONG.slice(9)]],
    [
      'an async iterable',
      () =>
        (async function* () {
          yield LONG.slice(0, 9)
          await wait(20)
          yield Buffer.from(LONG.slice(9))
        })(),
    ],
    [
      'a stream that has ended',
      async () => {
        const stream = Readable.from(['x'])
        await text(stream)
        return stream
      },
      '',
    ],
  ]
  it.each(inputs)('can be %s', async (_what, make, expected = LONG) => {
    expect(await run('cat', [], { input: await make(), capture: true })).toMatchObject({ status: 0, stdout: expected })
  })

  it('may be longer than what the command reads', async () => {
    let returned = false
    const endless = (async function* (): AsyncGenerator<string> {
      try {
        for (;;) yield LONG
      } finally {
        returned = true
      }
    })()
    expect(await run('head', ['-c', '3'], { input: 'x'.repeat(500_000), capture: true })).toMatchObject({
      stdout: 'xxx',
    })
    expect(await run('head', ['-c', '3'], { input: endless, capture: true })).toMatchObject({ stdout: 'ä\uFFFD' })
    await eventually(() => returned)
    // One that never has anything more does not hold the run up.
    const quiet = new PassThrough()
    quiet.write('x\n')
    expect(await run('head', ['-n', '1'], { input: quiet, capture: true })).toMatchObject({ stdout: 'x\n' })
    await eventually(() => quiet.destroyed)
  })

  it.each([
    [
      'a stream',
      (error: Error) =>
        new Readable({
          read() {
            this.destroy(error)
          },
        }),
    ],
    [
      'a stream that has failed before',
      (error: Error) => new PassThrough().on('error', () => undefined).destroy(error),
    ],
    [
      'an iterable',
      async function* (error: Error) {
        yield 'x'
        throw error
      },
    ],
  ])('that fails as %s ends the command and rejects', async (_what, make) => {
    const tag = makeTag()
    const error = new Error('thrown by the input')
    await expect(shell(`cat; sleep ${tag}`, { input: make(error), stdio: ['pipe', 'ignore', 'ignore'] })).rejects.toBe(
      error,
    )
    expect(processesWith(tag)).toEqual([])
  })

  it('that has something else than text and bytes in it ends the command and rejects', async () => {
    const input = Readable.from([1, 2]) as never
    await expect(run('cat', [], { input, capture: true })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  it('is let go of if the command is not started', async () => {
    const input = new PassThrough()
    await expect(run('no-such-command', [], { input })).rejects.toThrow('not found')
    await eventually(() => input.destroyed)
    const token = new CancelationToken()
    token.cancel()
    const other = new PassThrough()
    await expect(run('cat', [], { input: other, token })).rejects.toMatchObject({ code: 'ERR_TRIPLINE_CANCELED' })
    await eventually(() => other.destroyed)
  })
})

describe('options', () => {
  it.each([
    ['stdio', { stdio: ['pipe'] }],
    ['stdio', { stdio: Array.from({ length: 21 }, () => 'ignore') }],
    ['stdio', { stdio: ['pipe', 'pip', 'pipe'] }],
    ['stdio', { stdio: [-2, 1, 2] }],
    ['stdio', { stdio: 'inherit', capture: true }],
    ['stdio', { stdio: ['ignore', 1, 2], input: 'x' }],
    ['capture', { capture: 'yes' }],
    ['maxBuffer', { maxBuffer: -1 }],
    ['maxBuffer', { maxBuffer: '10' }],
    ['overflow', { overflow: 'cry' }],
    ['input', { input: 3 }],
    ['input', { input: {} }],
    ['input', { input: null }],
    ['shared', { shared: Array.from({ length: 64 }, (_, index) => 10 + index), stdio: ['ignore', 1, 2, 'pipe'] }],
    ['shared', { shared: [3], stdio: ['ignore', 1, 2, 'pipe'] }],
    ['cwd', { cwd: 3 }],
    ['cwd', { cwd: 'a\0b' }],
  ])('name %s if it is wrong: %j', async (name, options) => {
    const error: unknown = await run('true', [], options as RunOptions).then(undefined, (reason: unknown) => reason)
    expect(error).toMatchObject({
      code: expect.stringMatching(/^ERR_(INVALID_ARG_(TYPE|VALUE)|OUT_OF_RANGE)$/) as string,
    })
    expect((error as Error).message).toContain(`"${name}"`)
  })

  it('do not take a web stream that is locked', async () => {
    const input = new Blob(['x']).stream()
    input.getReader()
    await expect(run('cat', [], { input: input as never })).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' })
  })

  it('take a file URL as the working directory, and 0 as no timeout', async () => {
    const options = { cwd: pathToFileURL(folder), timeout: 0, capture: true }
    expect(await shell('sleep 0.1; pwd', options)).toMatchObject({ status: 0, stdout: `${folder}\n` })
    await expect(shell('pwd', { cwd: new URL('http://localhost/') })).rejects.toMatchObject({
      code: 'ERR_INVALID_URL_SCHEME',
    })
  })
})
