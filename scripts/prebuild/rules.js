// What a release binary must be, judged from the file alone.
import { inspect } from './inspect.js'

const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

// All that the Linux binaries may want from libc. musl has none of the names that are missing here with a version:
// what is new must be in musl and in glibc 2.17.
const LIBC = new Set(
  `__errno_location _exit abort access bcmp calloc chdir clock_getcpuclockid clock_gettime clock_nanosleep close
  closedir dladdr dlopen dlsym dup2 dup3 epoll_create1 epoll_ctl epoll_wait eventfd eventfd_read eventfd_write
  execve fcntl fdopendir fork free fstat fstatfs fstatfs64 getcwd getdents64 getenv geteuid getpgid getpgrp getpid
  getppid getrlimit getrlimit64 getrusage gettid getuid inotify_add_watch inotify_init1 ioctl kill llround lseek
  madvise malloc memchr memcmp memcpy memmove memset mkdir mmap mmap64 mount munmap nanosleep open open64 openat
  opendir pipe pipe2 poll ppoll prctl pread pread64 prlimit pthread_attr_destroy pthread_attr_init
  pthread_attr_setdetachstate pthread_attr_setstacksize pthread_cond_broadcast pthread_cond_destroy
  pthread_cond_init pthread_cond_signal pthread_cond_timedwait pthread_cond_wait pthread_create pthread_detach
  pthread_getcpuclockid pthread_join pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock
  pthread_mutex_trylock pthread_mutex_unlock pthread_self pthread_setname_np pthread_sigmask qsort read readdir
  readlink readlinkat realloc recv rmdir sched_get_priority_min sched_getaffinity sched_setscheduler sched_yield
  select send setpgid shutdown sigaction sigaddset sigemptyset sigfillset signalfd sigprocmask snprintf socketpair
  stat statfs statvfs statvfs64 strcat strchr strcmp strcpy strcspn strerror strlen strncat strncmp strncpy
  strnlen strrchr strspn strstr strtod strtol strtoul strtoull syscall sysconf sysinfo timerfd_create
  timerfd_settime uname usleep vfork waitpid wmemchr write`
    .split(/\s+/)
    .filter(Boolean),
)
// What the C runtime and the ABI of the compiler bring along; 64-bit time is spelled this way in 32-bit musl.
const ABI = /^(__cxa_finalize|__gmon_start__|_ITM_\w+|_init|_fini|__aeabi_\w+|__\w+_time64|__\w+64|__libc_start_main)$/

// All that the macOS binaries may want from libSystem. `dynamic_lookup` would hide a misspelled name until it is called.
const LIBSYSTEM = new Set(
  `_exit abort access bzero calloc chdir clock_gettime clock_gettime_nsec_np close dladdr dlopen dup2 execve fcntl fork
  free getcwd getfsstat getpgrp getpid getppid getrlimit getrusage host_page_size host_statistics host_statistics64
  kevent kill kqueue llround mach_host_self mach_port_deallocate mach_task_self_ mach_timebase_info malloc memchr memcmp
  memcpy memmove memset mmap munmap notify_cancel notify_get_state notify_register_check open pipe poll proc_listallpids
  proc_listpids proc_pid_rusage proc_pidinfo pthread_attr_destroy pthread_attr_init pthread_attr_setdetachstate
  pthread_attr_setstacksize pthread_create pthread_mutex_lock pthread_mutex_unlock pthread_set_qos_class_self_np
  pthread_setname_np pthread_sigmask read realloc recv send setpgid setsockopt shutdown sigaction sigprocmask snprintf
  socketpair statfs strcmp strlcat strlen strncmp strncpy sysctl sysctlbyname usleep waitpid write __bzero __error
  dyld_stub_binder`
    .split(/\s+/)
    .filter(Boolean),
)

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
      if (!/^(libc|libm|libpthread|libdl|librt)\.so(\.\d)?$|^ld-linux/.test(library)) wrong.push(`needs ${library}`)
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

  darwin(found) {
    const wrong = []
    for (const { name } of found.imports) {
      if (!name.startsWith('napi_') && !LIBSYSTEM.has(name.replace(/\$\w+$/, ''))) {
        wrong.push(`wants ${name}, which is not on the list`)
      }
    }
    if (found.libraries.join() !== '/usr/lib/libSystem.B.dylib') wrong.push(`needs ${found.libraries.join(' ')}`)
    if (found.minOs !== '11.0' || found.platform !== 1) wrong.push(`asks for macOS ${found.minOs}`)
    if (found.fileType !== 8) wrong.push(`is a file of type ${found.fileType} and no bundle`)
    if (found.signature !== 'ad-hoc') wrong.push(`has a bad signature: ${found.signature}`)
    return wrong
  },

  win32(found) {
    const wrong = []
    // Everything else is looked up when it is used, and Node-API in whatever program has loaded us.
    for (const library of found.libraries) {
      if (library !== 'kernel32.dll' && library !== 'msvcrt.dll') wrong.push(`needs ${library}`)
    }
    if (compareVersions(found.minOs, '10.0') > 0) wrong.push(`asks for Windows ${found.minOs}`)
    if (!found.hardened) wrong.push('can neither be moved nor be kept from running its data')
    if (found.timestamp !== 0) wrong.push('says when it was linked')
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
