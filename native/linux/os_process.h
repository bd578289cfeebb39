// Processes and what lies between them: how Linux does what POSIX leaves open.
#pragma once

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <csignal>

namespace tripline {

// Two ends that nobody else inherits. Each message comes whole, and one end sees the other's going.
inline bool OpenSocketPair(int* ends) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0; }

// Flags with which sending to an end that is gone is an error and no signal.
constexpr int kSendQuietly = MSG_NOSIGNAL;

// The calling process gets every orphan below it, and is shown by its own name.
inline void HoldOrphans() {
  prctl(PR_SET_NAME, "tripline-super", 0, 0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

// The calling process dies with its parent.
inline void DieWithParent() { prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }

// A child that is about to call exec; nothing is copied for a moment's use. Not a function, which the child would
// return from, on its parent's stack.
#define TRIPLINE_FORK_FOR_EXEC vfork

}  // namespace tripline
