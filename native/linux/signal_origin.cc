// Counts signals that a process has sent, as opposed to signals from the terminal.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <signal.h>
#include <unistd.h>

#include <cstring>

#include "port/spawn.h"

namespace tripline {

namespace {

// SIGRTMIN is a call into the C library, and greater in musl, which keeps more of them for itself.
constexpr int kFirstRealTime = 34;

// Indexed by signal: the previous handlers, and how often a process has sent the signal.
struct sigaction before[NSIG];
uint32_t sent[NSIG];

void Note(int signal, siginfo_t* info, void* context) {
  // The kernel's own codes are above 0, and signals from the terminal come from the kernel. A write to a closed pipe
  // looks as if this process had sent SIGPIPE itself.
  if (info->si_code <= 0 && info->si_pid != getpid()) __atomic_add_fetch(&sent[signal], 1, __ATOMIC_RELAXED);
  const struct sigaction& next = before[signal];
  if (signal >= kFirstRealTime)
    kill(getpid(), SIGURG);  // wakes the event loop, which has no handler for real-time signals
  else if ((next.sa_flags & SA_SIGINFO) != 0)
    next.sa_sigaction(signal, info, context);
  else
    next.sa_handler(signal);
}

}  // namespace

bool TakeSent(int signal) {
  struct sigaction now;
  if (signal <= 0 || signal >= NSIG || sigaction(signal, nullptr, &now) != 0) return false;
  const bool handled = (now.sa_flags & SA_SIGINFO) != 0 || (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN);
  if ((handled || signal >= kFirstRealTime) && now.sa_sigaction != Note) {
    before[signal] = now;
    now.sa_sigaction = Note;
    now.sa_flags |= SA_SIGINFO;
    sigaction(signal, &now, nullptr);
  }
  return __atomic_exchange_n(&sent[signal], 0, __ATOMIC_RELAXED) != 0;
}

}  // namespace tripline
