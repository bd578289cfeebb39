/**
 * Limits that the kernel holds behind tripline's own: a control group with memory.max, pids.max and cpu.max around the
 * group of a command.
 *
 * Controllers can only be enabled for the children of a group that contains no processes itself, so this process and all
 * others in its group are moved one level down, once per group. The limits of the group hold for them as before.
 */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { ancestry, membersOf, readCount, type OwnGroup } from '../base/control-groups.js'
import { readText } from '../base/read-text.js'
import { CommandNotStartedError } from '../base/errors.js'
import { realTimers } from '../base/real-timers.js'
import { messageOf } from '../base/reason.js'
import { CPU_PERIOD_US, kernelLimits, type Enforced, type KernelLimits, type Thresholds } from './thresholds.js'

const PREFIX = 'tripline.'
/** The group of the processes that had to be moved. */
const HOST = `${PREFIX}host`
const MOVING_ROUNDS = 50
const REMOVALS = 40
const REMOVAL_MS = 25
// A group that is just being made is empty, too.
const LEFTOVER_MS = 60_000

let made = 0

/** A group around the group of one command. */
export class OuterGroup {
  readonly path: string
  readonly #limits: KernelLimits | undefined

  private constructor(parent: string, limits: KernelLimits | undefined) {
    removeLeftovers(parent)
    this.path = `${parent}/${PREFIX}${process.pid}.${++made}.${randomBytes(6).toString('hex')}`
    this.#limits = limits
    mkdirSync(this.path)
    try {
      if (limits !== undefined) this.#set(limits)
    } catch (error) {
      removeTree(this.path)
      throw error
    }
  }

  /**
   * Makes a group in which the kernel holds limits behind these thresholds.
   *
   * @throws CommandNotStartedError `ERR_TRIPLINE_NOT_STARTED` with the kind `unenforceable`
   */
  static enforce(command: string, thresholds: Thresholds, groups: readonly OwnGroup[]): OuterGroup {
    const limits = kernelLimits(thresholds)
    const controllers = [
      ...(limits.memory === undefined ? [] : ['memory']),
      ...(limits.tasks === undefined ? [] : ['pids']),
      ...(limits.cpu === undefined ? [] : ['cpu']),
    ]
    try {
      return new OuterGroup(prepareParent(groups, controllers), limits)
    } catch (error) {
      throw new CommandNotStartedError(command, 'unenforceable', `its limits cannot be enforced: ${messageOf(error)}`)
    }
  }

  /** A group without limits, where that is enough to count the kills in it; undefined anywhere else. */
  static count(groups: readonly OwnGroup[]): OuterGroup | undefined {
    const own = groups.find(({ version }) => version === 2)
    if (own === undefined || !enabledIn(own.path).includes('memory')) return undefined
    if (!isMember(own)) return undefined
    try {
      checkParent(own.path, [])
      return new OuterGroup(own.path, undefined)
    } catch {
      return undefined
    }
  }

  get events(): string {
    return `${this.path}/memory.events`
  }

  get enforced(): Enforced | undefined {
    return this.#limits === undefined ? undefined : { group: this.path, ...this.#limits }
  }

  /** Whether a process was ended because memory.max of this group was reached. */
  get isExceeded(): boolean {
    return (readCount(this.events, 'oom') ?? 0) > 0 && (readCount(this.events, 'oom_kill') ?? 0) > 0
  }

  /** The most memory that the group has used, in bytes; undefined on kernels before 5.19. */
  get peak(): number | undefined {
    const text = readText(`${this.path}/memory.peak`)
    return text === undefined ? undefined : Number(text)
  }

  /**
   * Removes it. A process that has only just died may still count as a member.
   *
   * @param keeps whether processes may be left in it, for which its limits then go on
   */
  async close(keeps: boolean): Promise<void> {
    const most = keeps ? 0 : REMOVALS
    for (let round = 0; !removeTree(this.path) && round < most; round++) {
      await new Promise((resolve) => void realTimers.setTimeout(resolve, REMOVAL_MS))
    }
  }

  #set({ memory, tasks, cpu }: KernelLimits): void {
    const write = (name: string, value: string | number): void => writeFileSync(`${this.path}/${name}`, String(value))
    if (memory !== undefined) {
      write('memory.max', memory)
      // The kernel ends all of the command, as crossing tripline's own line does.
      write('memory.oom.group', 1)
    }
    if (tasks !== undefined) write('pids.max', tasks)
    if (cpu !== undefined) write('cpu.max', `${Math.ceil((cpu / 100) * CPU_PERIOD_US)} ${CPU_PERIOD_US}`)
  }
}

/** Returns a group whose children have the controllers. @throws Error that says why there is none */
function prepareParent(groups: readonly OwnGroup[], controllers: readonly string[]): string {
  if (process.platform !== 'linux') throw new Error('only Linux has control groups')
  const own = groups.find(({ version }) => version === 2)
  if (own === undefined || !isMember(own)) {
    throw new Error('control groups of version 2 are not mounted here, or this process is not visible in them')
  }
  const [path = own.path, above] = ancestry(own)
  // A group without processes comes first: systemd's DelegateSubgroup= or an earlier run has moved them.
  if (above !== undefined && membersOf(above)?.length === 0 && isUsable(above, controllers))
    return enable(above, controllers)
  checkParent(path, controllers)
  return enable(path, controllers)
}

/** In a wrong place, the command would leave the group that limits it. */
function isMember({ path }: OwnGroup): boolean {
  return membersOf(path)?.includes(process.pid) === true
}

function isUsable(path: string, controllers: readonly string[]): boolean {
  try {
    checkParent(path, controllers)
    return true
  } catch {
    return false
  }
}

/** @throws Error that says why no groups may be made in `path` */
function checkParent(path: string, controllers: readonly string[]): void {
  const type = readText(`${path}/cgroup.type`)?.trim() ?? 'domain'
  if (type !== 'domain') throw new Error(`${path} is a group of threads (cgroup.type: ${type})`)
  const missing = controllers.filter((each) => !wordsOf(`${path}/cgroup.controllers`).includes(each))
  if (missing.length > 0) throw new Error(`${path} has no ${missing.join(' or ')} controller`)
  for (const file of ['cgroup.procs', 'cgroup.subtree_control', '']) {
    try {
      accessSync(`${path}/${file}`, constants.W_OK)
    } catch (error) {
      const hint = existsSync('/run/systemd/system') ? `; ${RECIPE}` : ''
      throw new Error(`${path}/${file} cannot be written (${(error as NodeJS.ErrnoException).code})${hint}`, {
        cause: error,
      })
    }
  }
  checkDelegation(path)
}

const RECIPE = "start it with 'systemd-run --scope -p Delegate=yes', and with --user as a user"

/** systemd manages every group but those below a unit with Delegate=yes, and may reset what others set. */
function checkDelegation(path: string): void {
  if (!existsSync('/run/systemd/system')) return
  const parts = path.split('/')
  const at = parts.findLastIndex((part) => /\.(?:service|scope|slice)$/.test(part))
  const unit = parts[at]
  const isUsers = parts.slice(0, at).some((part) => /^user@\d+\.service$/.test(part))
  if (unit !== undefined) {
    const words = [...(isUsers ? ['--user'] : []), 'show', '--property=Delegate', '--value', '--', unescapeUnit(unit)]
    try {
      const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
      if (execFileSync('systemctl', words, { encoding: 'utf8', stdio, timeout: 10_000 }).trim() === 'yes') return
    } catch {
      throw new Error(`systemctl does not say whether ${unit} is delegated; ${RECIPE}`)
    }
  }
  throw new Error(`${path} is systemd's, and not delegated; ${RECIPE}`)
}

/** A group's name has an underscore in front where it would clash with a file of the kernel. */
function unescapeUnit(name: string): string {
  return name.replace(/^_/, '')
}

/** Enables the controllers for the children of `path`, and moves its own processes out first where the kernel needs that. */
function enable(path: string, controllers: readonly string[]): string {
  const wanted = controllers.filter((each) => !enabledIn(path).includes(each))
  if (wanted.length === 0) return path
  const isRoot = readText(`${path}/cgroup.type`) === undefined
  const moved = isRoot ? [] : moveMembers(path)
  try {
    writeFileSync(`${path}/cgroup.subtree_control`, wanted.map((each) => `+${each}`).join(' '))
  } catch (error) {
    moveTo(path, moved)
    throw new Error(`${path}/cgroup.subtree_control: ${messageOf(error)}`, { cause: error })
  }
  return path
}

/** Moves every process of a group itself into a group below it. */
function moveMembers(path: string): number[] {
  const host = `${path}/${HOST}`
  const moved: number[] = []
  for (let round = 0; ; round++) {
    const members = membersOf(path) ?? []
    if (members.length === 0) return moved
    let why = members.includes(0) ? 'it contains processes of another pid namespace' : ''
    if (round === MOVING_ROUNDS) why = `process ${members[0]} stays in it`
    if (why === '') {
      if (!existsSync(host)) mkdirSync(host)
      why = moveTo(host, members)
      moved.push(...members)
    }
    if (why !== '') {
      moveTo(path, moved)
      throw new Error(`the processes of ${path} cannot be moved out of it: ${why}`)
    }
  }
}

/** Why one of the processes could not be moved; empty if all were, or have ended. */
function moveTo(group: string, pids: readonly number[]): string {
  let why = ''
  for (const pid of pids) {
    try {
      writeFileSync(`${group}/cgroup.procs`, String(pid))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') why = `process ${pid}: ${messageOf(error)}`
    }
  }
  return why
}

function enabledIn(path: string): string[] {
  return wordsOf(`${path}/cgroup.subtree_control`)
}

function wordsOf(path: string): string[] {
  return (readText(path) ?? '').split(/\s+/).filter(Boolean)
}

/** Removes groups whose maker was killed before it could do so. */
function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    const path = `${parent}/${name}`
    if (!name.startsWith(PREFIX) || name === HOST || readCount(`${path}/cgroup.events`, 'populated') !== 0) continue
    try {
      if (Date.now() - statSync(path).ctimeMs > LEFTOVER_MS) removeTree(path)
    } catch {
      // Another process has removed it.
    }
  }
}

/** Removes a group and the groups below it; false if a process is in one of them. */
function removeTree(path: string): boolean {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(`${path}/${entry.name}`)
    }
    rmdirSync(path)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
  return true
}
