// Processes and what lies between them: how macOS does what POSIX leaves open.
#include "port/os_process.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tripline {

// A stream, because one end of a pair of datagram sockets does not see the other's end go. Each message is shorter than
// the buffer and written with one call, which is what keeps it whole.
bool OpenSocketPair(int* ends) {
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return false;
  const int on = 1;
  for (int i = 0; i < 2; i++) {
    fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    setsockopt(ends[i], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
  }
  return true;
}

// There is no MSG_NOSIGNAL here: SO_NOSIGPIPE stands for it.
ptrdiff_t SendMessage(int end, const void* message, size_t size, bool wait) {
  return send(end, message, size, wait ? 0 : MSG_DONTWAIT);
}

// Orphans become children of process 1, and no process ends with its parent: ProcessScanner follows them instead.
void HoldOrphans() {}
void DieWithParent() {}

// vfork is fork by another name since macOS 12.
int32_t ForkForExec(void (*become)(const void*), const void* argument) {
  const pid_t pid = fork();
  if (pid == 0) become(argument);
  return pid;
}

}  // namespace tripline
