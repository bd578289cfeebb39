// From fork to exec, in both processes.
#include "posix/launch.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>

#include "port/os_process.h"

namespace tripline {

namespace {

// The text of `call` lies at the same place in both processes.
[[noreturn]] void Fail(const Launch& launch, const char* call, int error) {
  const LaunchFailure why = {call, error};
  if (write(launch.failure[1], &why, sizeof(why)) < 0) _exit(126);
  _exit(127);
}

char* const* ToList(const char* const* list) { return const_cast<char* const*>(list); }

[[noreturn]] void Execute(const Launch& launch) {
  const SpawnSpec& spec = *launch.spec;
  int error = ENOENT;
  for (const char* const* file = spec.files; *file != nullptr; file++) {
    execve(*file, ToList(spec.arguments), ToList(spec.environment));
    if (errno == ENOEXEC) {
      launch.shell_arguments[1] = *file;
      execve("/bin/sh", ToList(launch.shell_arguments), ToList(spec.environment));
    }
    // As execvp: one that may not be run does not hide one further on that may.
    if (errno == EACCES)
      error = EACCES;
    else if (errno != ENOENT && errno != ENOTDIR)
      Fail(launch, "exec", errno);
  }
  Fail(launch, "exec", error);
}

// In the child, which may share its parent's memory until it has become the command.
[[noreturn]] void BecomeCommand(const Launch& launch, pid_t supervisor) {
  // Fails only for a group that has gone in the meantime; any group is better than no command.
  setpgid(0, launch.process_group);
  if (launch.group->made()) launch.group->Enter();
  // Before exec, or a supervisor that dies now would leave it behind.
  DieWithParent();
  if (getppid() != supervisor) _exit(127);
  const char* directory = launch.spec->directory;
  if (directory[0] != '\0' && chdir(directory) != 0) Fail(launch, "chdir", errno);
  for (int i = 0; i < 3; i++) {
    if (dup2(launch.stdio[i], i) < 0) Fail(launch, "dup2", errno);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  Execute(launch);
}

struct Child {
  const Launch* launch;
  pid_t supervisor;
};

}  // namespace

pid_t StartCommand(const Launch& launch, LaunchFailure* why) {
  const Child child = {&launch, getpid()};
  const pid_t pid = ForkForExec(
      [](const void* argument) {
        const auto* of = static_cast<const Child*>(argument);
        BecomeCommand(*of->launch, of->supervisor);
      },
      &child);
  const int error = errno;
  close(launch.failure[1]);
  // No signal can interrupt it.
  const ssize_t got = read(launch.failure[0], why, sizeof(*why));
  close(launch.failure[0]);
  if (pid < 0) *why = {"fork", error};
  if (got <= 0) return pid;
  waitpid(pid, nullptr, 0);
  return -1;
}

}  // namespace tripline
