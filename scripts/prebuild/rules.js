// What a release binary must be, judged from the file alone.
import { inspect } from './inspect.js'

const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

// All that the Linux binaries may want from libc. musl has none of the names that are missing here with a version:
// what is new must be in musl and in glibc 2.17.
const LIBC = new Set(
  `abort access bcmp calloc clock_getcpuclockid clock_gettime clock_nanosleep close closedir dladdr dlopen dlsym
  epoll_create1 epoll_ctl epoll_wait eventfd eventfd_read eventfd_write fcntl fdopendir fork free fstat fstatfs
  fstatfs64 getcwd getdents64 getenv getpgid getpid getppid getrlimit getrlimit64 gettid inotify_add_watch
  inotify_init1 ioctl kill lseek malloc memchr memcmp memcpy memmove memset mount nanosleep open open64 openat opendir
  pipe2 poll ppoll prctl pread pread64 prlimit pthread_attr_destroy pthread_attr_init pthread_attr_setdetachstate
  pthread_attr_setstacksize pthread_cond_broadcast pthread_cond_destroy pthread_cond_init pthread_cond_signal
  pthread_cond_timedwait pthread_cond_wait pthread_create pthread_detach pthread_getcpuclockid pthread_join
  pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock pthread_mutex_trylock pthread_mutex_unlock pthread_self
  pthread_setname_np pthread_sigmask qsort read readdir readlink readlinkat realloc sched_getaffinity sched_yield
  select sigaddset sigemptyset sigfillset signalfd snprintf stat statfs statvfs statvfs64 strcat strchr strcmp strcpy
  strcspn strerror strlen strncat strncmp strncpy strnlen strrchr strspn strstr strtod strtol strtoul strtoull syscall
  sysconf sysinfo timerfd_create timerfd_settime uname usleep waitpid wmemchr write __errno_location`
    .split(/\s+/)
    .filter(Boolean),
)
// What the C runtime and the ABI of the compiler bring along; 64-bit time is spelled this way in 32-bit musl.
const ABI = /^(__cxa_finalize|__gmon_start__|_ITM_\w+|_init|_fini|__aeabi_\w+|__\w+_time64|__\w+64|__libc_start_main)$/

const compareVersions = (a, b) => {
  const [left, right] = [a, b].map((each) => each.split('.').map(Number))
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    if ((left[i] ?? 0) !== (right[i] ?? 0)) return (left[i] ?? 0) - (right[i] ?? 0)
  }
  return 0
}

/** The newest glibc that `found` needs. */
export function glibcFloor(found) {
  const versions = found.imports.flatMap(({ version }) => /^GLIBC_([\d.]+)$/.exec(version ?? '')?.[1] ?? [])
  return versions.toSorted(compareVersions).at(-1)
}

// Data memory barrier as one instruction (ARM, Thumb), which only ARMv7 has.
function hasBarrier(text) {
  for (let at = 0; at + 4 <= text.length; at++) {
    const word = text.readUInt32LE(at)
    if ((word & 0xfffffff0) >>> 0 === 0xf57ff050 || (word & 0xfff0ffff) >>> 0 === 0x8f50f3bf) return true
  }
  return false
}

const formats = {
  linux(found, target) {
    const wrong = []
    for (const { name, version } of found.imports) {
      const known = name.startsWith('napi_') || LIBC.has(name) || ABI.test(name)
      if (!known) wrong.push(`wants ${name}, which is not on the list`)
      if (target.libc === 'musl' && version !== undefined) wrong.push(`wants a version of ${name}`)
    }
    if (target.libc === 'glibc') {
      const floor = glibcFloor(found)
      if (floor === undefined || compareVersions(floor, '2.17') > 0) wrong.push(`needs glibc ${floor}`)
    }
    for (const library of found.libraries) {
      if (!/^(libc|libpthread|libdl|librt)\.so(\.\d)?$|^ld-linux/.test(library)) wrong.push(`needs ${library}`)
    }
    if (!found.nodelete) wrong.push('could be unloaded')
    if (!found.bindNow) wrong.push('would resolve symbols late')
    if (found.execStack) wrong.push('has an executable stack')
    if (target.arch === 'arm64' && found.pageAlign < 65536)
      wrong.push(`is aligned to pages of ${found.pageAlign} bytes`)
    if (target.arch === 'arm') {
      const seven = found.text.some(hasBarrier)
      if (seven !== (target.armv === '7')) wrong.push(seven ? 'has instructions of ARMv7' : 'has barriers of ARMv6')
    }
    return wrong
  },
}

/** Everything about a binary that breaks a rule, as text; empty when all is well. */
export function judge(target, file) {
  const found = inspect(file)
  const wrong = formats[target.platform](found, target)
  if (found.machine !== target.arch) wrong.push(`is for ${found.machine}`)
  if (found.exports.toSorted().join() !== EXPORTS.join()) wrong.push(`exports ${found.exports.join(' ')}`)
  if (file.length > target.maxBytes) wrong.push(`has ${file.length} bytes, more than ${target.maxBytes}`)
  // `/root/`, `/home/`, `/tmp/`: a path of the machine that it was made on.
  const path = /\/(?:root|home|tmp|work|Users)\/[^\0]*/.exec(file.toString('latin1'))
  if (path !== null) wrong.push(`holds the path ${path[0]}`)
  return wrong
}
