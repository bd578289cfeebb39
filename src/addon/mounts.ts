/** Finds the file systems of this machine, for the error about a path that does not exist. */
import { readText } from '../base/read-text.js'

/** Types of file systems that hold no user files. */
const KERNEL_ONLY =
  /^(?:autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|hugetlbfs|mqueue|nsfs|proc|pstore|rpc_pipefs|securityfs|selinuxfs|sysfs|tracefs)$/

const SHOWN = 8

/** `'; file systems are mounted at /, /data'`; empty if that is not known. */
export function mountHint(): string {
  const points = process.platform === 'linux' ? mountPoints(readText('/proc/self/mountinfo') ?? '') : []
  if (points.length === 0) return ''
  const more = points.length > SHOWN ? ` and ${points.length - SHOWN} more places` : ''
  return `; file systems are mounted at ${points.slice(0, SHOWN).join(', ')}${more}`
}

/** The mount point of each file system in `/proc/self/mountinfo`; if it has several, the one with the shortest path. */
export function mountPoints(mountinfo: string): string[] {
  const byDevice = new Map<string, string>()
  for (const line of mountinfo.split('\n')) {
    const [mount = '', source = ''] = line.split(' - ')
    const [, , device, , place] = mount.split(' ')
    const [type = ''] = source.split(' ')
    if (device === undefined || place === undefined || KERNEL_ONLY.test(type)) continue
    const path = place.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8)))
    const known = byDevice.get(device)
    if (known === undefined || path.length < known.length) byDevice.set(device, path)
  }
  return [...new Set(byDevice.values())].toSorted()
}
