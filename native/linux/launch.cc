#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "launch.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>

namespace tripline {

namespace {

[[noreturn]] void Fail(Launch* launch, const char* call, int error) {
  launch->error = error;
  launch->call = call;
  _exit(127);
}

char* const* ToList(const char* const* list) { return const_cast<char* const*>(list); }

[[noreturn]] void Execute(Launch* launch) {
  const SpawnSpec& spec = *launch->spec;
  int error = ENOENT;
  for (const char* const* file = spec.files; *file != nullptr; file++) {
    execve(*file, ToList(spec.arguments), ToList(spec.environment));
    if (errno == ENOEXEC) {
      launch->shell_arguments[1] = *file;
      execve("/bin/sh", ToList(launch->shell_arguments), ToList(spec.environment));
    }
    // As execvp: one that may not be run does not hide one further on that may.
    if (errno == EACCES)
      error = EACCES;
    else if (errno != ENOENT && errno != ENOTDIR)
      Fail(launch, "exec", errno);
  }
  Fail(launch, "exec", error);
}

// In the child, which shares our memory until it has become the command.
[[noreturn]] void BecomeCommand(Launch* launch, pid_t keeper) {
  // Fails only for a group that has gone in the meantime; any group is better than no command.
  setpgid(0, launch->process_group);
  if (launch->group->made()) launch->group->Enter();
  // Before exec, or a keeper that dies now would leave it behind.
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != keeper) _exit(127);
  const char* directory = launch->spec->directory;
  if (directory[0] != '\0' && chdir(directory) != 0) Fail(launch, "chdir", errno);
  for (int i = 0; i < 3; i++) {
    if (dup2(launch->stdio[i], i) < 0) Fail(launch, "dup2", errno);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  Execute(launch);
}

}  // namespace

pid_t StartCommand(Launch* launch) {
  launch->error = 0;
  const pid_t keeper = getpid();
  // Nothing is copied for a moment's use, and why it failed comes back through the shared memory.
  const pid_t pid = vfork();
  if (pid == 0) BecomeCommand(launch, keeper);
  if (pid < 0) {
    launch->error = errno;
    launch->call = "vfork";
    return -1;
  }
  if (launch->error == 0) return pid;
  waitpid(pid, nullptr, 0);
  return -1;
}

}  // namespace tripline
