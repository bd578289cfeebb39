#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "posix/signal_count.h"

#include <signal.h>
#include <unistd.h>

#include "port/spawn.h"

namespace tripline {

namespace {

// Of Linux. SIGRTMIN is a call into the C library, and greater in musl, which keeps more of them for itself.
constexpr int kFirstRealTime = 34;

// Indexed by signal.
struct sigaction before[NSIG];
SignalCount counts[NSIG];

void Note(int signal, siginfo_t* info, void* context) {
  __atomic_add_fetch(&counts[signal].received, 1, __ATOMIC_RELEASE);
  // The kernel's own codes are above 0, and signals from the terminal come from the kernel. A write to a closed pipe
  // looks as if this process had sent SIGPIPE itself.
  if (info->si_code <= 0 && info->si_pid != getpid()) __atomic_add_fetch(&counts[signal].sent, 1, __ATOMIC_RELAXED);
  const struct sigaction& next = before[signal];
  if (signal >= kFirstRealTime)
    kill(getpid(), SIGURG);  // wakes the event loop, which has no handler for real-time signals
  else if ((next.sa_flags & SA_SIGINFO) != 0)
    next.sa_sigaction(signal, info, context);
  else
    next.sa_handler(signal);
}

}  // namespace

SignalCount* CountSignal(int signal) {
  struct sigaction now;
  if (signal <= 0 || signal >= NSIG || sigaction(signal, nullptr, &now) != 0) return nullptr;
  const bool handled = (now.sa_flags & SA_SIGINFO) != 0 || (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN);
  if ((handled || signal >= kFirstRealTime) && now.sa_sigaction != Note) {
    before[signal] = now;
    now.sa_sigaction = Note;
    now.sa_flags |= SA_SIGINFO;
    sigaction(signal, &now, nullptr);
  }
  return &counts[signal];
}

const int32_t* SignalsReceived(int signal) {
  const SignalCount* count = CountSignal(signal);
  return count == nullptr ? nullptr : &count->received;
}

}  // namespace tripline
