// Processes and what lies between them: how macOS does what POSIX leaves open.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tripline {

// Two ends that nobody else inherits. Messages are not told apart, but each is sent at once; one end sees the other's
// going, which datagrams would not show here.
inline bool OpenSocketPair(int* ends) {
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return false;
  const int on = 1;
  for (int i = 0; i < 2; i++) {
    fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    setsockopt(ends[i], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
  }
  return true;
}

// Flags with which sending to an end that is gone is an error and no signal: OpenSocketPair() has seen to that.
constexpr int kSendQuietly = 0;

// Orphans become children of process 1, and no process dies with its parent: ProcessScanner follows them instead.
inline void HoldOrphans() {}
inline void DieWithParent() {}

// A child that is about to call exec. vfork is fork by another name since macOS 12.
#define TRIPLINE_FORK_FOR_EXEC fork

}  // namespace tripline
