// Processes and their communication: the parts that POSIX leaves open, on Linux.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "port/os_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

#include "linux/calls.h"
#include "posix/bare.h"

namespace tripline {

namespace {

// Changes an attribute of this process. Not inlined, for the size.
[[gnu::noinline]] int SetOwn(int attribute, uintptr_t value) { return prctl(attribute, value, 0UL, 0UL, 0UL); }

}  // namespace

bool OpenSocketPair(int* ends) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0; }

ptrdiff_t SendMessage(int end, const void* message, size_t size, bool wait) {
  return send(end, message, size, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
}

bool OpenStream(bool both, int* ends) {
  // A pipe where one serves: a command can open /dev/stdin and /dev/stdout anew, which it cannot if they are sockets.
  return (both ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) : pipe2(ends, O_CLOEXEC)) == 0;
}

bool HoldOrphans() {
  SetOwn(PR_SET_NAME, reinterpret_cast<uintptr_t>("tripline-super"));
  // A stopped supervisor is continued when its parent dies. For a process group that this orphans, the kernel does so
  // only if the stop has taken effect.
  SetOwn(PR_SET_PDEATHSIG, SIGCONT);
  // qemu's emulation of single programs lacks it (EINVAL); there, orphans are found by their marker and group alone.
  return SetOwn(PR_SET_CHILD_SUBREAPER, 1) == 0 || errno == EINVAL;
}

int WatchEnd(int32_t pid) { return static_cast<int>(syscall(kPidfdOpen, pid, 0)); }

bool ReadEnd(int32_t pid, int* status) {
  bare::Line link, stat;
  link.Add("/proc/").Add(static_cast<uint64_t>(pid)).Add("/ns/user");
  stat.Add("/proc/").Add(static_cast<uint64_t>(pid)).Add("/stat");
  char text[1024];
  // Of another user's process, the kernel shows a status of 0, and refuses to read this link.
  if (readlink(link.get(), text, sizeof(text)) < 0) return false;
  ssize_t at = bare::ReadFile(stat.get(), text, sizeof(text));
  // The last field.
  while (at > 0 && text[at - 1] != ' ') at--;
  *status = 0;
  for (; at > 0 && text[at] >= '0' && text[at] <= '9'; at++) *status = *status * 10 + (text[at] - '0');
  return at > 0;
}

void DieWithParent() { SetOwn(PR_SET_PDEATHSIG, SIGKILL); }

// fork() would copy the page tables, only for a moment's use. The child never returns to this function, as vfork
// requires.
int32_t ForkForExec(void (*become)(const void*), const void* argument) {
  const pid_t pid = vfork();
  if (pid == 0) become(argument);
  return pid;
}

}  // namespace tripline
