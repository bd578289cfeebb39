// The rules for release binaries, checked on the file alone.
import { inspect } from './inspect.js'
import { maxBytes } from './targets.js'

const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

// The functions that Linux binaries may use of the host's libc: both musl and glibc 2.17 have them, with the same
// behavior as far as this package uses them (see linkers.linux in compile.js).
const LIBC = new Set(
  `__errno_location _exit abort access bcmp chdir clock_getcpuclockid clock_gettime close dlopen dlsym dup2 epoll_create1
  epoll_ctl epoll_wait eventfd execve fcntl flock fork free fstatfs fsync getcwd getenv geteuid getpgrp getpid getppid
  getrlimit getrusage kill madvise malloc memchr memcmp memcpy memmove memset mkdir mmap mprotect mremap munmap open pipe
  pipe2 poll prctl pread pwrite pthread_attr_destroy pthread_attr_init pthread_attr_setdetachstate pthread_attr_setstacksize
  pthread_create pthread_mutex_lock pthread_mutex_unlock pthread_self pthread_setname_np pthread_sigmask raise read
  readlink realloc recv rmdir sched_getaffinity send setpgid setrlimit shutdown sigaction sigaddset sigemptyset sigfillset
  sigismember signalfd sigpending sigprocmask snprintf socketpair statvfs strcat strchr strcmp strcpy strcspn strlen strncat strncmp strncpy
  strrchr strspn strtoull syscall sysconf sysinfo timerfd_create timerfd_settime unlink usleep vfork waitpid wmemchr write`
    .split(/\s+/)
    .filter(Boolean),
)
// The imports: how they find all others, and on 32-bit ARM the functions for large files, which musl's dlsym() does not find.
const IMPORTS = new Set('dlsym fstatfs64 getrlimit64 mmap64 open64 pread64 pwrite64 setrlimit64 statvfs64'.split(' '))
// Weak imports of the C runtime: any of these may be missing.
const ABI = /^(__cxa_finalize|__gmon_start__|_ITM_\w+)$/

// The functions that macOS binaries may import from libSystem. `dynamic_lookup` would hide a misspelled name until it is
// called.
const LIBSYSTEM = new Set(
  `abort access bzero calloc chdir clock_gettime clock_gettime_nsec_np close dladdr dlopen dlsym dup2 dyld_stub_binder
  execve fcntl flock fork free fsync getcwd getfsstat getpgrp getpid getppid getrlimit getrusage host_page_size
  host_processor_info host_statistics64 kevent kill kqueue llround mach_host_self mach_port_deallocate
  mach_task_self_ mach_timebase_info malloc memchr memcmp memcpy memmove memset mlock mmap munlock munmap notify_cancel
  notify_get_state notify_register_check open pipe poll proc_listallpids proc_listpids proc_pid_rusage
  proc_pidinfo pwrite pthread_attr_destroy pthread_attr_init pthread_attr_setdetachstate pthread_attr_setstacksize
  pthread_create pthread_mutex_lock pthread_mutex_unlock pthread_set_qos_class_self_np pthread_setname_np
  pthread_sigmask raise read readlink realloc recv send setpgid setrlimit setsockopt shutdown sigaction sigpending sigprocmask snprintf
  socketpair statfs strcmp strcspn strlcat strlen strncmp strncpy strspn sysctl sysctlbyname unlink usleep
  vm_deallocate waitpid write __bzero __error _exit`
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
      if (!IMPORTS.has(name) && !ABI.test(name)) wrong.push(`imports ${name} instead of looking it up`)
      if (version !== undefined) wrong.push(`imports a version of ${name}`)
    }
    for (const name of found.lookedUp) {
      if (!name.startsWith('napi_') && !LIBC.has(name)) wrong.push(`uses ${name}, which is not on the list`)
    }
    if (!found.lookedUp.some((name) => name.startsWith('napi_'))) wrong.push('looks up no function of Node-API')
    if (found.libraries.length > 0) wrong.push(`needs ${found.libraries.join(' ')}`)
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
        wrong.push(`imports ${name}, which is not on the list`)
      }
    }
    if (found.libraries.join() !== '/usr/lib/libSystem.B.dylib') wrong.push(`needs ${found.libraries.join(' ')}`)
    if (found.minOs !== '11.0' || found.platform !== 1) wrong.push(`asks for macOS ${found.minOs}`)
    if (found.fileType !== 8) wrong.push(`is a file of type ${found.fileType} and not a bundle`)
    if (found.signature !== 'ad-hoc') wrong.push(`has a bad signature: ${found.signature}`)
    return wrong
  },

  win32(found) {
    const wrong = []
    // Other functions are looked up when they are first used, and those of Node-API in the program that loads the addon.
    for (const library of found.libraries) {
      if (library !== 'kernel32.dll' && library !== 'msvcrt.dll') wrong.push(`needs ${library}`)
    }
    if (compareVersions(found.minOs, '10.0') > 0) wrong.push(`asks for Windows ${found.minOs}`)
    if (!found.hardened) wrong.push('lacks a relocatable image or non-executable data')
    if (found.timestamp !== 0) wrong.push('contains the time of linking')
    return wrong
  },
}

/** The rules that a binary breaks, as text; empty if it breaks none. */
export function judge(target, file) {
  const found = inspect(file)
  const wrong = formats[target.platform](found, target)
  if (found.machine !== target.arch) wrong.push(`is for ${found.machine}`)
  if (found.exports.toSorted().join() !== EXPORTS.join()) wrong.push(`exports ${found.exports.join(' ')}`)
  if (file.length > maxBytes) wrong.push(`has ${file.length} bytes, more than ${maxBytes}`)
  if (target.withoutGpu && file.includes('libnvidia-ml')) wrong.push('reads a GPU')
  // `/root/`, `/home/`, `/tmp/`: a path on the machine that built it.
  const path = /\/(?:root|home|tmp|work|Users)\/[^\0]*/.exec(file.toString('latin1'))
  if (path !== null) wrong.push(`holds the path ${path[0]}`)
  return wrong
}
