/** The descriptors of this process that `tripline run` passes on: those that `--fd`, arguments or the environment name. */
import { fstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { UsageError } from './usage.js'

// The most that a command can be given.
const MAX_DESCRIPTORS = 64
// How far up a descriptor is searched for.
const MAX_ANCESTORS = 32
// What Node's event loop opens for itself.
const OF_EVENT_LOOP = /^anon_inode:\[?(?:eventpoll|eventfd|io_uring|inotify)/

/**
 * The descriptors to pass on, without those that are closed or that Node has opened for itself since it started.
 *
 * @param texts the values of `--fd`
 * @throws UsageError
 */
export function descriptorsFor(args: readonly string[], env: NodeJS.ProcessEnv, texts: readonly string[]): number[] {
  const wanted = texts.map(readDescriptor)
  const named = process.platform === 'win32' ? [] : [...namedByArguments(args), ...listening(env), ...jobserver(env)]
  const all = [...new Set([...wanted, ...named.filter(wasInherited)])]
  if (wanted.length > MAX_DESCRIPTORS) throw new UsageError(`--fd may be given at most ${MAX_DESCRIPTORS} times`)
  return all.slice(0, MAX_DESCRIPTORS)
}

function readDescriptor(text: string): number {
  const fd = Number(text)
  if (!/^\d{1,9}$/.test(text) || fd < 3) throw new UsageError(`--fd must be a descriptor from 3 on; received '${text}'`)
  if (process.platform === 'win32') throw new UsageError('--fd: commands on Windows get no descriptors but 0, 1 and 2')
  if (!wasInherited(fd)) throw new UsageError(`--fd ${text}: this descriptor is not open`)
  return fd
}

/** Those that arguments such as `/dev/fd/63` name, which a shell puts in place of `<(...)`. */
function namedByArguments(args: readonly string[]): number[] {
  const found = args.flatMap((each) => [...each.matchAll(/\/(?:dev|proc\/self)\/fd\/(\d{1,9})\b/g)])
  return found.map((match) => Number(match[1])).filter((fd) => fd > 2)
}

/** The sockets that a service manager has opened: `LISTEN_FDS` of them, from 3 on. */
function listening({ LISTEN_FDS: count = '' }: NodeJS.ProcessEnv): number[] {
  const length = /^\d{1,4}$/.test(count) ? Math.min(Number(count), MAX_DESCRIPTORS) : 0
  return Array.from({ length }, (_, index) => 3 + index)
}

/** The pipe of a jobserver, from which make, cargo and compilers take their share of parallel jobs. */
function jobserver({ MAKEFLAGS = '', CARGO_MAKEFLAGS = '' }: NodeJS.ProcessEnv): number[] {
  return [MAKEFLAGS, CARGO_MAKEFLAGS].flatMap((flags) => {
    // The last one counts. The other form, with the path of a named pipe, needs no descriptor.
    const [, reads, writes] = [...flags.matchAll(/--jobserver-(?:auth|fds)=(\d{1,9}),(\d{1,9})\b/g)].at(-1) ?? []
    const pair = [Number(reads), Number(writes)]
    // make names its pipe to every command, but hands it to those that it takes for a make. Node's own pipe may then have
    // its number. Only Linux shows the difference; elsewhere the pipe has to be named by --fd.
    return process.platform === 'linux' && pair.every((fd) => fd > 2 && wasInherited(fd)) ? pair : []
  })
}

/** Whether a descriptor is open and not one that Node has opened for itself. */
function wasInherited(fd: number): boolean {
  if (process.platform !== 'linux') return isOpen(fd)
  const target = targetOf('self', fd)
  if (target === undefined || OF_EVENT_LOOP.test(target)) return false
  if (!target.startsWith('pipe:') || [0, 1, 2].some((each) => targetOf('self', each) === target)) return true
  // Node has both ends of its pipes, but so has a jobserver's client, whose ancestors have them too.
  return !hasOtherEnd(fd, target) || ancestors().some((pid) => targetOf(pid, fd) === target)
}

function hasOtherEnd(fd: number, target: string): boolean {
  const others = readdirSync('/proc/self/fd').filter((each) => targetOf('self', each) === target)
  return others.some((each) => modeOf(each) !== modeOf(fd))
}

/** Whether a descriptor is for reading, writing or both. */
function modeOf(fd: number | string): number {
  const [, flags = '0'] = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? []
  return Number.parseInt(flags, 8) & 3
}

function targetOf(pid: number | 'self', fd: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`)
  } catch {
    return undefined
  }
}

function ancestors(): number[] {
  const found: number[] = []
  for (let pid = process.ppid; pid > 0 && found.length < MAX_ANCESTORS; pid = parentOf(pid)) found.push(pid)
  return found
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name of the command, in parentheses, may contain anything.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}
