// A library for LD_PRELOAD that lets system calls of the addon fail. Calls of the runtime, of libc and of other
// libraries are left alone: only those count whose return address is inside tripline.node.
//
//   FAULT_CALL   the function; `syscall:N` is the system call with that number
//   FAULT_ERRNO  the number of the error
//   FAULT_FROM   the first call that fails, counted from 1
//   FAULT_COUNT  how many fail; 0 for all from there on
//   FAULT_LOG    a file to which each injected fault appends one byte
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Without the function that this library replaces.
static long Raw(long n, long a, long b, long c, long d) {
  long result;
#if defined(__x86_64__)
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = n;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  result = x0;
#endif
  return result;
}

static const char* wanted;
static long number = -1;
static int error;
static unsigned from, count;
static const char* log_path;
static atomic_uint calls;
static uintptr_t begin, end;

static int look(struct dl_phdr_info* info, size_t size, void* unused) {
  (void)size;
  (void)unused;
  if (info->dlpi_name == NULL || strstr(info->dlpi_name, "tripline.node") == NULL) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)* part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0) continue;
    begin = info->dlpi_addr + part->p_vaddr;
    end = begin + part->p_memsz;
  }
  return 1;
}

__attribute__((constructor)) static void start(void) {
  wanted = getenv("FAULT_CALL");
  if (wanted == NULL) return;
  const char* colon = strchr(wanted, ':');
  if (colon != NULL) number = atol(colon + 1);
  error = atoi(getenv("FAULT_ERRNO"));
  from = (unsigned)atoi(getenv("FAULT_FROM"));
  count = (unsigned)atoi(getenv("FAULT_COUNT"));
  log_path = getenv("FAULT_LOG");
}

static int fails(const char* name, uintptr_t caller) {
  if (wanted == NULL || strncmp(wanted, name, strlen(name)) != 0) return 0;
  const char after = wanted[strlen(name)];
  if (after != '\0' && after != ':') return 0;
  if (begin == 0) dl_iterate_phdr(look, NULL);
  if (caller < begin || caller >= end) return 0;
  const unsigned call = atomic_fetch_add(&calls, 1) + 1;
  if (call < from || (count != 0 && call >= from + count)) return 0;
  // Opened each time: a child process closes all descriptors that it does not know.
  const long opened = Raw(SYS_openat, -100, (long)log_path, 02001 | 0100 | 02000000, 0600);
  Raw(SYS_write, opened, (long)"x", 1, 0);
  Raw(SYS_close, opened, 0, 0, 0);
  return 1;
}

// Whether a descriptor is a pipe that blocks. What is written to one is taken, or its reader is gone: a kernel has no
// other error for it, least of all for the few bytes by which a child process says why it could not start.
static int takes_all(long fd) {
  struct stat status;
  return fstat((int)fd, &status) == 0 && S_ISFIFO(status.st_mode) &&
         (Raw(SYS_fcntl, fd, F_GETFL, 0, 0) & O_NONBLOCK) == 0;
}

#define CALLER ((uintptr_t)__builtin_return_address(0))

typedef long Six(long, long, long, long, long, long);

// All of these take up to six integers or pointers. Their names are only those of the symbols, because headers declare
// them with other types.
#define WRAP(name, failed)                                                            \
  long wrapped_##name(long a, long b, long c, long d, long e, long f) __asm__(#name); \
  long wrapped_##name(long a, long b, long c, long d, long e, long f) {               \
    static Six* real;                                                                 \
    if (fails(#name, CALLER)) return failed;                                          \
    if (real == NULL) real = (Six*)dlsym(RTLD_NEXT, #name);                           \
    return real(a, b, c, d, e, f);                                                    \
  }
#define CALL(name) WRAP(name, (errno = error, -1))
// These return the error.
#define RETURNS(name) WRAP(name, error)

CALL(access)
CALL(chdir)
CALL(clock_gettime)
CALL(close)
CALL(dup2) CALL(epoll_create1) CALL(epoll_ctl) CALL(epoll_wait) CALL(eventfd) CALL(execve) CALL(fcntl64) CALL(flock)
    CALL(fork) CALL(fstatfs64) CALL(fsync) CALL(getrlimit64) CALL(getrusage) CALL(kill) CALL(madvise) CALL(mkdir)
        CALL(mremap) CALL(open64) CALL(pipe) CALL(pipe2) CALL(poll) CALL(prctl) CALL(pread64) CALL(pwrite64) CALL(read)
            CALL(readlink) CALL(recv) CALL(rmdir) CALL(sched_getaffinity) CALL(send) CALL(setpgid) CALL(setrlimit64)
                CALL(shutdown) CALL(signalfd) CALL(socketpair) CALL(statvfs64) CALL(sysconf) CALL(sysinfo)
                    CALL(timerfd_create) CALL(timerfd_settime) CALL(mmap64) RETURNS(pthread_create)
                        RETURNS(clock_getcpuclockid)

                            long wrapped_write(long fd, long bytes, long size) __asm__("write");
long wrapped_write(long fd, long bytes, long size) {
  if (!takes_all(fd) && fails("write", CALLER)) return errno = error, -1;
  static long (*real)(long, long, long);
  if (real == NULL) real = (long (*)(long, long, long))dlsym(RTLD_NEXT, "write");
  return real(fd, bytes, size);
}

// Without waiting it is never interrupted, and it has no other error for children that there are.
long wrapped_waitpid(long pid, long status, long options) __asm__("waitpid");
long wrapped_waitpid(long pid, long status, long options) {
  if ((options & WNOHANG) == 0 && fails("waitpid", CALLER)) return errno = error, -1;
  static long (*real)(long, long, long);
  if (real == NULL) real = (long (*)(long, long, long))dlsym(RTLD_NEXT, "waitpid");
  return real(pid, status, options);
}

// A function around it cannot return twice. fork() does for the caller what it needs.
int wrapped_vfork(void) __asm__("vfork");
int wrapped_vfork(void) {
  if (fails("vfork", CALLER)) return errno = error, -1;
  static int (*real)(void);
  if (real == NULL) real = (int (*)(void))dlsym(RTLD_NEXT, "fork");
  return real();
}

// With one argument more, the number.
long wrapped_syscall(long n, ...) __asm__("syscall");
long wrapped_syscall(long n, ...) {
  static long (*real)(long, long, long, long, long, long, long);
  __builtin_va_list list;
  __builtin_va_start(list, n);
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = __builtin_va_arg(list, long);
  __builtin_va_end(list);
  if (number >= 0 && n == number && fails("syscall", CALLER)) return errno = error, -1;
  if (real == NULL) real = (long (*)(long, long, long, long, long, long, long))dlsym(RTLD_NEXT, "syscall");
  return real(n, a[0], a[1], a[2], a[3], a[4], a[5]);
}
