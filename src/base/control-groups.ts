/** Control groups as files: where this process is, and what the files of a group say. Linux only. */
import { existsSync } from 'node:fs'
import { readText } from './read-text.js'

/** What a group limits; in version 1, each may have a hierarchy of its own. */
export type Controller = 'memory' | 'cpu'

/** A group of this process: in the version 2 hierarchy, or the one of version 1 that has the controller. */
export interface OwnGroup {
  readonly version: 1 | 2
  /** The mount point of the hierarchy. */
  readonly mount: string
  /** The group's own folder, at or below the mount point. */
  readonly path: string
}

interface Mount {
  readonly root: string
  readonly point: string
  readonly type: string
  readonly options: readonly string[]
}

/** A value of a file of lines `name number`, such as memory.events. */
export function readCount(path: string, name: string): number | undefined {
  return countIn(readText(path) ?? '', name)
}

/** The same of the text of such a file. */
export function countIn(text: string, name: string): number | undefined {
  const [, digits] = new RegExp(`^${name} (\\d+)$`, 'm').exec(text) ?? []
  return digits === undefined ? undefined : Number(digits)
}

/**
 * The groups of this process, as far as they are visible.
 *
 * @param proc the folder of this process in /proc
 * @param controller chooses among the hierarchies of version 1
 * @param root stands before all paths of mounts; for tests
 */
export function ownGroups(
  proc: string = '/proc/self',
  controller: Controller = 'memory',
  root: string = '',
): readonly OwnGroup[] {
  const mounts = readMounts(proc)
  return (readText(`${proc}/cgroup`) ?? '').split('\n').flatMap((line): OwnGroup[] => {
    const [, id, controllers, place] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? []
    if (id === undefined || controllers === undefined || place === undefined) return []
    const version = id === '0' && controllers === '' ? 2 : 1
    if (version === 1 && !controllers.split(',').includes(controller)) return []
    // A later mount hides an earlier one at the same place.
    return mounts
      .filter(({ type, options }) =>
        version === 2 ? type === 'cgroup2' : type === 'cgroup' && options.includes(controller),
      )
      .toReversed()
      .flatMap(({ root: within, point }): OwnGroup[] => {
        const below = placeBelow(within, place)
        if (below === undefined || below.split('/').includes('..')) return []
        const mount = root + point
        const path = mount + below.replace(/\/$/, '')
        return existsSync(`${path}/cgroup.procs`) ? [{ version, mount, path }] : []
      })
      .slice(0, 1)
  })
}

/** What of the path of a group is below a mount that shows only `within`; undefined if it is elsewhere. */
function placeBelow(within: string, place: string): string | undefined {
  if (within === '/') return place
  if (place === within) return ''
  return place.startsWith(`${within}/`) ? place.slice(within.length) : undefined
}

/** The process ids in a group itself; undefined if they cannot be read, as in a threaded group. */
export function membersOf(path: string): number[] | undefined {
  return readText(`${path}/cgroup.procs`)?.split('\n').filter(Boolean).map(Number)
}

/** The paths from a group up to the mount point. */
export function ancestry({ mount, path }: OwnGroup): string[] {
  const paths: string[] = []
  for (let each = path; each.length >= mount.length; each = each.slice(0, each.lastIndexOf('/'))) paths.push(each)
  return paths
}

/** Whether an absolute path leads into a hierarchy of control groups, where every file is the kernel's. */
export function isInHierarchy(path: string, proc: string = '/proc/self'): boolean {
  if (!path.startsWith('/') || path.split('/').some((part) => part === '..' || part === '.')) return false
  // A later mount hides an earlier one at the same place, and the longest path is the innermost mount.
  const inner = readMounts(proc)
    .filter(({ point }) => path.startsWith(point === '/' ? '/' : `${point}/`))
    .reduce<Mount | undefined>(
      (best, each) => (best === undefined || each.point.length >= best.point.length ? each : best),
      undefined,
    )
  return inner?.type === 'cgroup' || inner?.type === 'cgroup2'
}

function readMounts(proc: string): Mount[] {
  return (readText(`${proc}/mountinfo`) ?? '').split('\n').flatMap(parseMount)
}

function parseMount(line: string): Mount[] {
  const words = line.split(' ')
  const dash = words.indexOf('-', 6)
  const [, , , root, point] = words
  if (dash < 0 || root === undefined || point === undefined) return []
  return [
    {
      root: unescape(root),
      point: unescape(point),
      type: words[dash + 1] ?? '',
      options: (words[dash + 3] ?? '').split(','),
    },
  ]
}

/** Blanks, tabs, line breaks and backslashes are octal in mountinfo. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
