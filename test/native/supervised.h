// What tests of real commands share: a shell that is run as one, what it reports, and what has become of it.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "check.h"
#include "port/spawn.h"

namespace tripline::test {

constexpr char kMarkerName[] = "TRIPLINE_RUN=";

// A marker that is unique to this process: processes that have it are killed, and other test runs have their own.
struct Marker {
  Marker() { snprintf(text, sizeof(text), "%sspawn-test.%d.", kMarkerName, getpid()); }
  const char* value() const { return text + strlen(kMarkerName); }
  char text[64];
};
inline Marker marker;

struct Shell {
  explicit Shell(const char* line) {
    arguments[2] = line;
    spec.files = files;
    spec.arguments = arguments;
    spec.environment = environment;
    spec.marker = marker.value();
    spec.end_signal = SIGTERM;
    spec.kill_after = 200 * kMillisecond;
  }

  const char* files[3] = {"/no/such/sh", "/bin/sh", nullptr};
  const char* arguments[4] = {"sh", "-c", "", nullptr};
  const char* environment[3] = {"PATH=/usr/bin:/bin", marker.text, nullptr};
  SpawnSpec spec;
};

// Waits for an event of that kind and skips everything before it.
inline CommandEvent AwaitEvent(Command* command, CommandEvent::Kind kind) {
  CommandEvent event;
  while (command->Next(&event) && event.kind != kind) {
  }
  CHECK_EQ(static_cast<int>(event.kind), static_cast<int>(kind));
  return event;
}

// Waits for a condition, for ten seconds or more.
template <typename Condition>
bool Becomes(Condition condition) {
  for (int i = 0; i < 10000; i++) {
    if (condition()) return true;
    usleep(1000);
  }
  return false;
}

// Refuses a system call to this process and its children where the low half of the argument at `at` is `value`.
inline bool RefuseCall(uint32_t call, uint32_t at, uint32_t value) {
  const auto argument = static_cast<uint32_t>(offsetof(struct seccomp_data, args) + 8 * at);
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Runs a check in a forked process, which may make calls fail and ends after the check.
template <typename Run>
bool HoldsInAFork(Run run) {
  const pid_t child = fork();
  if (child == 0) _exit(run() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0;
}

// The first field after the name in /proc/PID/stat; 'X' if there is no such process.
inline char StateOf(pid_t pid) {
  char path[64], text[256] = "";
  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  FILE* file = fopen(path, "r");
  if (file == nullptr) return 'X';
  const char* end = fgets(text, sizeof(text), file) == nullptr ? nullptr : strrchr(text, ')');
  fclose(file);
  return end == nullptr ? 'X' : end[2];
}

}  // namespace tripline::test
