// Processes and their communication: the parts that POSIX leaves open, on Linux.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "port/os_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace tripline {

bool OpenSocketPair(int* ends) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0; }

ptrdiff_t SendMessage(int end, const void* message, size_t size, bool wait) {
  return send(end, message, size, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
}

bool OpenStream(bool both, int* ends) {
  // A pipe where one serves: a command can open /dev/stdin and /dev/stdout anew, which it cannot if they are sockets.
  return (both ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) : pipe2(ends, O_CLOEXEC)) == 0;
}

bool HoldOrphans() {
  prctl(PR_SET_NAME, "tripline-super", 0, 0, 0);
  // qemu's emulation of single programs lacks it (EINVAL); there, orphans are found by their marker and group alone.
  return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 || errno == EINVAL;
}

void DieWithParent() { prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }

// fork() would copy the page tables, only for a moment's use. The child never returns to this function, as vfork
// requires.
int32_t ForkForExec(void (*become)(const void*), const void* argument) {
  const pid_t pid = vfork();
  if (pid == 0) become(argument);
  return pid;
}

}  // namespace tripline
