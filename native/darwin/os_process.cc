// Sockets, forks and orphans on macOS: what POSIX does not standardize.
#include "port/os_process.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tripline {

// Uses stream sockets, because a datagram socket does not notice that the other end was closed. Messages stay whole
// because each is shorter than the buffer and written with one call.
bool OpenSocketPair(int* ends) {
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return false;
  const int on = 1;
  for (int i = 0; i < 2; i++) {
    fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    setsockopt(ends[i], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
  }
  return true;
}

// macOS has no MSG_NOSIGNAL; SO_NOSIGPIPE replaces it.
ptrdiff_t SendMessage(int end, const void* message, size_t size, bool wait) {
  return send(end, message, size, wait ? 0 : MSG_DONTWAIT);
}

bool OpenStream(bool both, int* ends) {
  if (both) return OpenSocketPair(ends);
  if (pipe(ends) != 0) return false;
  for (int i = 0; i < 2; i++) fcntl(ends[i], F_SETFD, FD_CLOEXEC);
  return true;
}

// Does nothing: orphans become children of process 1, and ProcessScanner follows them instead.
bool HoldOrphans() { return true; }
void DieWithParent() {}

// A debugger that does not wait for a dead process holds its parent up here.
int WatchEnd(int32_t) { return -1; }
bool ReadEnd(int32_t, int*) { return false; }

// Since macOS 12, vfork is the same as fork.
int32_t ForkForExec(void (*become)(const void*), const void* argument) {
  const pid_t pid = fork();
  if (pid == 0) become(argument);
  return pid;
}

}  // namespace tripline
