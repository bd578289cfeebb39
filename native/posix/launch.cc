// Starts a command, from fork to exec, in both processes.
#include "posix/launch.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include "port/os_process.h"
#include "util/text.h"

namespace tripline {

namespace {

// The parent can read `call` as a pointer: the text has the same address in both processes.
[[noreturn]] void Fail(const Launch& launch, const char* call, int error) {
  const LaunchFailure why = {call, error, false};
  if (write(launch.failure[1], &why, sizeof(why)) < 0) _exit(126);
  _exit(127);
}

// sd_listen_fds() compares LISTEN_PID with the process id of the command, which only the command itself knows in time.
// The caller has left room for it.
void SetListenPid(const char* const* environment) {
  static constexpr char kMarked[] = "LISTEN_PID=?";
  for (; *environment != nullptr; environment++) {
    if (strncmp(*environment, kMarked, sizeof(kMarked) - 1) != 0) continue;
    char* digits = const_cast<char*>(*environment) + sizeof(kMarked) - 2;
    digits[ToDigits(static_cast<uint64_t>(getpid()), digits)] = '\0';
  }
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
    // As execvp does: a file that may not be executed does not hide one later in the path that may.
    if (errno == EACCES)
      error = EACCES;
    else if (errno != ENOENT && errno != ENOTDIR)
      Fail(launch, "exec", errno);
  }
  Fail(launch, "exec", error);
}

// Runs in the child, which may share its parent's memory until exec.
[[noreturn]] void BecomeCommand(const Launch& launch, pid_t supervisor) {
  // Fails only if the group has disappeared in the meantime. The command then runs in its parent's group.
  setpgid(0, launch.process_group);
  if (launch.group->made() && !launch.group->Enter()) {
    // The command can run without its group.
    constexpr LaunchFailure kOutside = {nullptr, 0, true};
    if (write(launch.failure[1], &kOutside, sizeof(kOutside)) < 0) _exit(126);
  }
  // Done before exec, so that a supervisor that dies now does not leave the command behind.
  DieWithParent();
  if (getppid() != supervisor) _exit(127);
  const char* directory = launch.spec->directory;
  if (directory[0] != '\0' && chdir(directory) != 0) Fail(launch, "chdir", errno);
  for (int i = 0; i < 3; i++) {
    if (dup2(launch.stdio[i], i) < 0) Fail(launch, "dup2", errno);
  }
  for (uint32_t i = 0; i < launch.spec->shared_count; i++) {
    if (dup2(launch.shared[i], launch.spec->numbers[i]) < 0) Fail(launch, "dup2", errno);
  }
  SetListenPid(launch.spec->environment);
  LimitOpenFiles(launch.spec->open_files);
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

void LimitOpenFiles(uint64_t soft) {
  struct rlimit limit;
  if (soft == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = static_cast<rlim_t>(soft);
  setrlimit(RLIMIT_NOFILE, &limit);
}

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
  // All signals are blocked, so this read is never interrupted.
  bool outside = false;
  ssize_t got = 0;
  while ((got = read(launch.failure[0], why, sizeof(*why))) > 0 && why->call == nullptr) outside = true;
  if (got < 0) *why = {"read", errno, false};
  why->outside = outside;
  close(launch.failure[0]);
  if (pid < 0) *why = {"fork", error, false};
  if (pid < 0 || got == 0) return pid;
  // Whether the command runs is unknown then, so it must not.
  if (got < 0) kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return -1;
}

}  // namespace tripline
