/** `process.footprint` counts memory that the processes of a command share once. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { run } from '../../src/index.js'

const MB = 1e6

/** Pages are written, so that they exist. `children` are forked by the same program and wait for each other. */
const program = (lines: string): string => `import mmap, os, sys, time
def touch(memory):
  for at in range(0, len(memory), 4096): memory[at] = 1
  return memory
def fork(children, body):
  ready, done = os.pipe(), os.pipe()
  for _ in range(children):
    if os.fork() == 0:
      held = body()
      os.write(ready[1], b'x')
      os.close(done[1])
      os.read(done[0], 1)
      os._exit(0)
  os.close(ready[1])
  while children > 0: children -= len(os.read(ready[0], children))
  time.sleep(0.7)
  os.close(done[1])
  while True:
    try: os.wait()
    except ChildProcessError: break
${lines}`

const outcome = async (limit: number, lines: string): Promise<string> => {
  const limits = { 'process.footprint': limit }
  const { reason, status, peaks } = await run('python3', ['-c', program(lines)], { limits, stdio: 'ignore' })
  if (reason === undefined) return `ended with ${status}, peak below the limit: ${(peaks.memory ?? 0) < limit}`
  return reason.kind === 'resource' ? reason.breach.metric : reason.kind
}

const COUNTED = 'process.footprint'
const FITS = 'ended with 0, peak below the limit: true'
// Since 4.14; without it shared pages are counted for each process.
const shares = ((): boolean => {
  try {
    return readFileSync('/proc/self/smaps_rollup', 'utf8').includes('Pss:')
  } catch {
    return false
  }
})()

describe.runIf(process.platform === 'linux')('shared memory of a command', () => {
  const mapped = {
    'an anonymous mapping': 'm = mmap.mmap(-1, 150 * 10**6)',
    'a memfd': "f = os.memfd_create('x'); os.ftruncate(f, 150 * 10**6); m = mmap.mmap(f, 150 * 10**6)",
    'a file in /dev/shm': `
name = '/dev/shm/tripline-%d' % os.getpid()
f = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
os.unlink(name)
os.ftruncate(f, 150 * 10**6)
m = mmap.mmap(f, 150 * 10**6)`,
  }
  it.for(Object.entries(mapped))('counts %s', async ([, open]) => {
    expect(await outcome(80 * MB, `${open}\ntouch(m)\ntime.sleep(30)`)).toBe(COUNTED)
  })

  it('counts what several processes map together', async () => {
    expect(await outcome(110 * MB, 'fork(4, lambda: touch(mmap.mmap(-1, 60 * 10**6)))')).toBe(COUNTED)
  })

  describe.runIf(shares)('that several of its processes map', () => {
    it('counts a mapping that all of them use once', async () => {
      expect(await outcome(150 * MB, 'm = mmap.mmap(-1, 60 * 10**6)\nfork(5, lambda: touch(m))')).toBe(FITS)
    })

    it('counts memory that children have inherited once', async () => {
      expect(await outcome(150 * MB, 'm = bytearray(60 * 10**6)\ntouch(m)\nfork(5, lambda: None)')).toBe(FITS)
    })

    it('counts inherited memory again once children write to it', async () => {
      expect(await outcome(150 * MB, 'm = bytearray(60 * 10**6)\ntouch(m)\nfork(5, lambda: touch(m))')).toBe(COUNTED)
    })

    it('counts the rest in full after the processes that shared it have ended', async () => {
      const lines = `
m = mmap.mmap(-1, 60 * 10**6)
touch(m)
fork(5, lambda: touch(m))
more = bytearray(120 * 10**6)
touch(more)
time.sleep(30)`
      expect(await outcome(150 * MB, lines)).toBe(COUNTED)
    })
  })
})
