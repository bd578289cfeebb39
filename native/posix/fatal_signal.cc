#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "port/fatal_signal.h"

#include <signal.h>
#include <unistd.h>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace tripline {

namespace {

struct FatalSignal {
  uint8_t number;
  char name[8];
};
// All that end a process and can be noticed, except those that Node.js ignores or that timers of the process itself
// send.
constexpr FatalSignal kSignals[] = {
    {SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"},   {SIGHUP, "SIGHUP"},   {SIGQUIT, "SIGQUIT"}, {SIGABRT, "SIGABRT"},
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},   {SIGTRAP, "SIGTRAP"},
    {SIGSYS, "SIGSYS"},   {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"}};
constexpr int kCount = sizeof(kSignals) / sizeof(kSignals[0]);

// What there was before, as kSignals.
struct sigaction before[kCount];
void (*note)(int signal, const char* name);
pid_t owner;

bool IsDefault(const struct sigaction& action) { return action.sa_handler == SIG_DFL; }

void SetDefault(int signal) {
  struct sigaction standard;
  memset(&standard, 0, sizeof(standard));
  sigaction(signal, &standard, nullptr);
}

// Whether the instruction that caused the signal is executed again, and causes it again, once the handler returns.
bool Repeats(int signal, const siginfo_t* info) {
  return (signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL) && info->si_code > 0;
}

void Handle(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  int at = 0;
  while (kSignals[at].number != signal) at++;
  // A child that has not come to its exec yet shares the file.
  const bool ours = getpid() == owner;
  const struct sigaction& next = before[at];
  if (IsDefault(next)) {
    // Noted first, because another thread may receive the same signal.
    if (ours) note(signal, kSignals[at].name);
    SetDefault(signal);
    // Blocked until this handler returns. Where the instruction is repeated, a core dump has the original cause.
    if (!Repeats(signal, info)) raise(signal);
  } else {
    if ((next.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) SetDefault(signal);
    if ((next.sa_flags & SA_SIGINFO) != 0)
      next.sa_sigaction(signal, info, context);
    else
      next.sa_handler(signal);
    // Whether that handler has decided that the process ends.
    struct sigaction now;
    sigset_t pending;
    sigaction(signal, nullptr, &now);
    sigpending(&pending);
    const bool ends = IsDefault(now) && (sigismember(&pending, signal) == 1 || Repeats(signal, info));
    if (ends && ours) note(signal, kSignals[at].name);
  }
  errno = error;
}

// Node.js handles SIGINT and SIGTERM once, to restore the terminal, and SIGSEGV for WebAssembly; other signals are sent
// again with the default action, by which the process ends.
bool MayPassOn(int signal, const struct sigaction& action) {
  return (action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0 ||
         (signal == SIGSEGV && (action.sa_flags & SA_SIGINFO) != 0);
}

}  // namespace

void WatchFatalSignals(void (*callback)(int signal, const char* name)) {
  note = callback;
  owner = getpid();
  for (int i = 0; i < kCount; i++) {
    const int signal = kSignals[i].number;
    struct sigaction found;
    if (sigaction(signal, nullptr, &found) != 0 || found.sa_sigaction == Handle) continue;
    struct sigaction action = found;
    if (IsDefault(found)) {
      sigfillset(&action.sa_mask);
      action.sa_flags = SA_ONSTACK;
    } else if (!MayPassOn(signal, found)) {
      continue;
    }
    before[i] = found;
    action.sa_flags = (action.sa_flags & ~static_cast<int>(SA_RESETHAND)) | SA_SIGINFO;
    action.sa_sigaction = Handle;
    struct sigaction replaced;
    sigaction(signal, &action, &replaced);
    // Another thread has installed a handler in the meantime.
    if (replaced.sa_sigaction != found.sa_sigaction) sigaction(signal, &replaced, nullptr);
  }
}

void UnwatchFatalSignals() {
  for (int i = 0; i < kCount; i++) {
    struct sigaction now;
    if (sigaction(kSignals[i].number, nullptr, &now) == 0 && now.sa_sigaction == Handle) {
      sigaction(kSignals[i].number, &before[i], nullptr);
    }
  }
}

}  // namespace tripline
