// Runs commands with the code of native/darwin, on real processes of this Linux machine and a stand-in for macOS's
// calls.
#include "port/spawn.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "../check.h"
#include "../start_command.h"
#include "darwin/command_group.h"
#include "darwin/families.h"
#include "darwin/process_list.h"
#include "port/inheritance.h"
#include "port/process_scanner.h"
#include "stand_in.h"

namespace tripline {
namespace {

using test::StartCommand;

// Does in every forked process what libuv does: closes the descriptors that it takes for its pipe, and opens a new
// pipe.
int own_pipe[2];

void MakePipeAnew() {
  close(own_pipe[0]);
  close(own_pipe[1]);
  if (pipe2(own_pipe, O_CLOEXEC) != 0) abort();
}

struct Beginning {
  Beginning() {
    stand_in::Begin();
    if (pipe2(own_pipe, O_CLOEXEC) != 0) abort();
    pthread_atfork(nullptr, nullptr, MakePipeAnew);
  }
} beginning;

// What the system reveals: everything, no ids, or no environments.
enum Mode { kOpen, kNoIds, kNoEnvironments };

struct Shell {
  explicit Shell(const char* line, Mode mode = kOpen) {
    static int runs = 0;
    stand_in::refuses_ids = mode == kNoIds;
    stand_in::hides_environments = mode == kNoEnvironments;
    snprintf(variable, sizeof(variable), "TRIPLINE_RUN=%d.%d.", getpid(), ++runs);
    arguments[2] = line;
    spec.files = files;
    spec.arguments = arguments;
    spec.environment = environment;
    spec.marker = variable + strlen("TRIPLINE_RUN=");
    spec.end_signal = SIGTERM;
    spec.kill_after = 200 * kMillisecond;
  }
  ~Shell() {
    delete command;
    if (input >= 0) close(input);
  }

  bool Start() {
    command = StartCommand(spec, &why);
    CHECK(command != nullptr);
    return command != nullptr;
  }
  // The same for a command that waits in `read line` for GoOn().
  bool StartWithInput() {
    int ends[2];
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    input = ends[1];
    spec.stdio[0] = ends[0];
    const bool started = Start();
    close(ends[0]);
    return started;
  }
  void GoOn() { CHECK_EQ(write(input, "\n", 1), 1); }
  // Waits for an event of that kind and skips everything before it.
  CommandEvent Await(CommandEvent::Kind kind) {
    CommandEvent event;
    while (command->Next(&event) && event.kind != kind) {
    }
    CHECK_EQ(static_cast<int>(event.kind), static_cast<int>(kind));
    return event;
  }
  // Counts the processes that have the test's variable and, if given, this state. Uses Linux's own list, not the
  // stand-in.
  int Count(char state = '\0') const {
    int count = 0;
    DIR* all = opendir("/proc");
    while (const struct dirent* entry = readdir(all)) {
      if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || atoi(entry->d_name) == getpid()) continue;
      char path[300], text[8192];
      snprintf(path, sizeof(path), "/proc/%s/environ", entry->d_name);
      const size_t size = Read(path, text, sizeof(text));
      if (memmem(text, size, variable, strlen(variable)) == nullptr) continue;
      snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
      text[Read(path, text, sizeof(text) - 1)] = '\0';
      const char* rest = strrchr(text, ')');
      if (rest != nullptr && rest[2] != 'Z' && (state == '\0' || rest[2] == state)) count++;
    }
    closedir(all);
    return count;
  }
  void AwaitCount(int count, char state = '\0') const {
    // For a moment during exec, a process has no environment.
    int last = Count(state);
    for (int i = 0; i < 10000 && last != count; i++) {
      usleep(1000);
      last = Count(state);
    }
    CHECK_EQ(last, count);
  }
  // Returns how many processes the supervisor knows.
  int Known() const {
    static darwin::Member members[1000];
    return darwin::CopyMembers(command->root, members, 1000);
  }
  void AwaitKnown(int count) const {
    int last = Known();
    for (int i = 0; i < 10000 && last != count; i++) {
      usleep(1000);
      last = Known();
    }
    CHECK_EQ(last, count);
  }

  static size_t Read(const char* path, char* into, size_t room) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? 0 : read(fd, into, room);
    close(fd);
    return got < 0 ? 0 : static_cast<size_t>(got);
  }

  char variable[64];
  const char* files[3] = {"/no/such/sh", "/bin/sh", nullptr};
  const char* arguments[4] = {"sh", "-c", "", nullptr};
  const char* environment[3] = {"PATH=/usr/bin:/bin", variable, nullptr};
  SpawnSpec spec;
  SpawnFailure why;
  Command* command = nullptr;
  int input = -1;
};

TEST(StandInReportsHowACommandEnded) {
  Shell shell("exit 7");
  if (!shell.Start()) return;
  CHECK(IsCommandRoot(shell.command->root));
  CHECK_EQ(shell.Await(CommandEvent::kExited).code, 7);
  CHECK_EQ(shell.Await(CommandEvent::kGone).ended, 0u);
  CHECK(!IsCommandRoot(shell.command->root));
  // Many processes, each of which lives for less than the time between two scans.
  for (int i = 0; i < 50; i++) {
    Shell again("kill -9 $$");
    if (!again.Start()) return;
    CHECK_EQ(again.Await(CommandEvent::kExited).signal, SIGKILL);
    CHECK_EQ(again.Await(CommandEvent::kGone).ended, 0u);
  }
}

TEST(StandInSaysWhatCannotBeRun) {
  Shell shell("");
  shell.files[1] = nullptr;
  CHECK(StartCommand(shell.spec, &shell.why) == nullptr);
  CHECK_EQ(static_cast<int>(shell.why.kind), static_cast<int>(SpawnFailure::kNotFound));
  CHECK_EQ(static_cast<const char*>(shell.why.why.text), "exec: ENOENT");
  shell.files[0] = "/etc/passwd";
  CHECK(StartCommand(shell.spec, &shell.why) == nullptr);
  CHECK_EQ(static_cast<int>(shell.why.kind), static_cast<int>(SpawnFailure::kNotExecutable));
  // The test process has no child left to reap.
  CHECK_EQ(waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(StandInEndsFiftyWithTwoDaemons) {
  for (const Mode mode : {kOpen, kNoIds}) {
    // The shell waits for the process in between before it starts the others.
    Shell shell("setsid sleep 60 & (setsid sleep 60 &); for i in $(seq 47); do sleep 60 & done; wait", mode);
    if (!shell.Start()) return;
    shell.AwaitCount(50);
    shell.AwaitKnown(50);
    shell.command->End(SIGTERM, 5 * kSecond);
    const CommandEvent end = shell.Await(CommandEvent::kGone);
    CHECK_EQ(end.ended, 50u);
    CHECK_EQ(end.left, 0u);
    CHECK(!end.killed);
    CHECK_EQ(shell.Count(), 0);
  }
}

TEST(StandInEndsProcessesThatIgnoreTheSignal) {
  for (const Mode mode : {kOpen, kNoIds, kNoEnvironments}) {
    // The daemon's parent stays until a scan has found it, so that it is known without its environment too.
    Shell shell("trap '' TERM; (setsid sh -c \"trap '' TERM; sleep 60; :\" & read line); sleep 60 & sleep 60; :", mode);
    if (!shell.StartWithInput()) return;
    shell.AwaitCount(4);
    shell.AwaitKnown(4);
    shell.GoOn();
    shell.AwaitCount(5);
    shell.AwaitKnown(5);
    shell.command->End(SIGTERM, 50 * kMillisecond);
    const CommandEvent end = shell.Await(CommandEvent::kGone);
    CHECK(end.killed);
    CHECK(end.ended >= 5);
    CHECK_EQ(shell.Count(), 0);
  }
}

TEST(StandInEndsStoppedChildren) {
  for (const Mode mode : {kOpen, kNoIds, kNoEnvironments}) {
    Shell shell("sleep 60 & kill -STOP $!; setsid sleep 60 & kill -STOP $!; sleep 60", mode);
    if (!shell.Start()) return;
    shell.AwaitCount(2, 'T');
    shell.command->End(SIGTERM, 5 * kSecond);
    CHECK(!shell.Await(CommandEvent::kGone).killed);
    CHECK_EQ(shell.Count(), 0);
  }
}

TEST(StandInEndsDoubleForks) {
  for (const Mode mode : {kOpen, kNoIds}) {
    Shell shell("for i in 1 2 3 4 5 6 7 8; do ((sleep 60 &) &); (setsid sleep 60 &); done; sleep 60", mode);
    if (!shell.Start()) return;
    shell.AwaitCount(18);
    shell.AwaitKnown(18);
    shell.command->End(SIGTERM, 5 * kSecond);
    CHECK(shell.Await(CommandEvent::kGone).ended >= 18);
    CHECK_EQ(shell.Count(), 0);
  }
  // In the command's process group, orphans are found even if neither their environment nor the ids of their forkers
  // are visible.
  Shell shell("((sleep 60 &) &); ((sleep 60 &) &); sleep 60", kNoEnvironments);
  if (!shell.Start()) return;
  shell.AwaitCount(4);
  shell.AwaitKnown(4);
  shell.command->End(SIGTERM, 5 * kSecond);
  CHECK(shell.Await(CommandEvent::kGone).ended >= 4);
  CHECK_EQ(shell.Count(), 0);
}

TEST(StandInEndsWhatIsStartedWhileItEnds) {
  Shell shell("trap 'setsid sh -c \"trap \\\"\\\" TERM; sleep 60; :\" & sleep 0.5; exit' TERM; sleep 60 & wait");
  if (!shell.Start()) return;
  shell.AwaitCount(2);
  shell.command->End(SIGTERM, 100 * kMillisecond);
  shell.Await(CommandEvent::kGone);
  CHECK_EQ(shell.Count(), 0);
}

TEST(StandInEndsWhatACommandLeavesBehind) {
  Shell shell("setsid sleep 60 & (setsid sleep 60 &); sleep 0.1; exit 7");
  if (!shell.Start()) return;
  CHECK_EQ(shell.Await(CommandEvent::kExited).code, 7);
  CHECK_EQ(shell.Await(CommandEvent::kGone).ended, 2u);
  CHECK_EQ(shell.Count(), 0);
}

TEST(StandInLetsTheRestFinish) {
  // The process that is left is an orphan: only the process list shows when it has ended.
  Shell shell("(sleep 0.05 &); exit 0");
  if (!shell.Start()) return;
  CHECK_EQ(shell.Await(CommandEvent::kGone).ended, 0u);
  CHECK_EQ(shell.Count(), 0);
}

TEST(StandInPausesAllOfThem) {
  Shell shell("sleep 60 & setsid sleep 60 & (setsid sleep 60 &); wait");
  if (!shell.Start()) return;
  shell.AwaitCount(4);
  shell.AwaitKnown(4);
  shell.command->Pause(false);
  shell.AwaitCount(4, 'T');
  shell.command->Resume();
  shell.AwaitCount(0, 'T');
  shell.command->Pause(false);
  shell.AwaitCount(4, 'T');
  shell.command->End(SIGKILL, 0);
  shell.Await(CommandEvent::kGone);
  CHECK_EQ(shell.Count(), 0);
}

TEST(StandInSweepsUpWhenTheSupervisorIsKilled) {
  for (const Mode mode : {kOpen, kNoIds, kNoEnvironments}) {
    // As above.
    Shell shell("(setsid sleep 60 & read line); (trap '' TERM; sleep 60; :) & sleep 60; :", mode);
    if (!shell.StartWithInput()) return;
    shell.AwaitCount(3);
    shell.AwaitKnown(3);
    shell.GoOn();
    shell.AwaitCount(5);
    shell.AwaitKnown(5);
    kill(static_cast<pid_t>(shell.command->root), SIGKILL);
    const CommandEvent end = shell.Await(CommandEvent::kLost);
    CHECK(end.ended >= 4);
    CHECK(end.killed);
    CHECK_EQ(shell.Count(), 0);
  }
}

TEST(StandInEndsTheTreeWhenTheHostIsKilled) {
  for (const Mode mode : {kOpen, kNoIds, kNoEnvironments}) {
    Shell shell("sleep 60 & setsid sleep 60 & (trap '' TERM; sleep 60; :) & wait", mode);
    const pid_t host = fork();
    if (host == 0) {
      shell.command = StartCommand(shell.spec, &shell.why);
      for (;;) pause();
    }
    shell.AwaitCount(5);
    kill(host, SIGKILL);
    waitpid(host, nullptr, 0);
    shell.AwaitCount(0);
  }
}

TEST(StandInIsAbandoned) {
  Shell shell("sleep 60 & sleep 60");
  if (!shell.Start()) return;
  shell.AwaitCount(3);
  shell.command->Abandon();
  CommandEvent event;
  while (shell.command->Next(&event)) {
  }
  shell.AwaitCount(0);
}

TEST(StandInPassesOnWhatIsWritten) {
  int ends[2];
  CHECK_EQ(pipe(ends), 0);
  Shell shell("echo one; echo two >&2; sleep 60");
  shell.spec.stdio[0] = -1;
  shell.spec.stdio[1] = shell.spec.stdio[2] = ends[1];
  shell.spec.idle = 50 * kMillisecond;
  if (!shell.Start()) return;
  shell.Await(CommandEvent::kIdle);
  char text[64] = "";
  size_t size = 0;
  struct pollfd readable = {ends[0], POLLIN, 0};
  while (size < 8 && poll(&readable, 1, 10000) > 0) {
    size += static_cast<size_t>(read(ends[0], text + size, sizeof(text) - size));
  }
  CHECK(strstr(text, "one\n") != nullptr && strstr(text, "two\n") != nullptr);
  shell.command->Signal(SIGTERM);
  CHECK_EQ(shell.Await(CommandEvent::kExited).signal, SIGTERM);
  shell.Await(CommandEvent::kGone);
  close(ends[0]);
  close(ends[1]);
}

TEST(StandInLeavesStrangersAlone) {
  // An orphan in a session of its own that was started while the command was running, but not by the command.
  int ends[2];
  CHECK_EQ(pipe(ends), 0);
  Shell shell("setsid sleep 60 & (setsid sleep 60 &); sleep 60");
  if (!shell.Start()) return;
  shell.AwaitCount(4);
  const pid_t between = fork();
  if (between == 0) {
    const pid_t stranger = fork();
    if (stranger != 0) _exit(write(ends[1], &stranger, sizeof(stranger)) < 0 ? 1 : 0);
    setsid();
    for (;;) pause();
  }
  waitpid(between, nullptr, 0);
  pid_t stranger = 0;
  CHECK_EQ(read(ends[0], &stranger, sizeof(stranger)), static_cast<ssize_t>(sizeof(stranger)));
  shell.AwaitKnown(4);
  shell.command->End(SIGKILL, 0);
  shell.Await(CommandEvent::kGone);
  CHECK_EQ(shell.Count(), 0);
  CHECK_EQ(kill(stranger, 0), 0);
  kill(stranger, SIGKILL);
  close(ends[0]);
  close(ends[1]);
}

constexpr MetricMask kMeasured = MaskOf(Metric::kProcessCount) | MaskOf(Metric::kProcessThreads) |
                                 MaskOf(Metric::kProcessRss) | MaskOf(Metric::kProcessCpuTime);

// Reads until the tree has `count` processes.
Readings Measure(Probe* probe, double count) {
  static uint64_t now = 0;
  Readings all;
  for (int i = 0; i < 10000; i++) {
    all = Readings();
    now += kSecond;
    probe->Read(now, kMeasured, &all);
    if (all[Metric::kProcessCount].level == count) break;
    usleep(1000);
  }
  CHECK_EQ(all[Metric::kProcessCount].level, count);
  return all;
}

TEST(StandInMeasuresTheTreeWithItsOrphans) {
  Failure why;
  Shell shell(
      "(setsid sleep 60 &); (sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 60; :' &); sleep 60; :");
  if (!shell.Start()) return;
  shell.AwaitCount(5);
  // The tree of the command includes its orphans but not the supervisor.
  Selector selector;
  selector.pid = shell.command->root;
  selector.tree = true;
  Probe* tree = MakeProcessProbe(selector, &why);
  CHECK(tree != nullptr);
  Readings all = Measure(tree, 5);
  CHECK_EQ(all[Metric::kProcessThreads].level, 5.0);
  CHECK(all[Metric::kProcessRss].level > 5 * 100e3);
  CHECK(all[Metric::kProcessCpuTime].level > 0);
  // The tree of any other process is the process itself and its descendants.
  selector.pid = shell.command->pid;
  Probe* other = MakeProcessProbe(selector, &why);
  CHECK(other != nullptr);
  all = Readings();
  other->Read(kSecond, kMeasured, &all);
  CHECK(all[Metric::kProcessCount].level >= 2);
  const double used = Measure(tree, 5)[Metric::kProcessCpuTime].level;
  shell.command->End(SIGKILL, 0);
  shell.Await(CommandEvent::kGone);
  all = Readings();
  tree->Read(UINT64_MAX / 2, kMeasured, &all);
  CHECK_EQ(static_cast<int>(all[Metric::kProcessCount].state), static_cast<int>(Reading::kUnavailable));
  CHECK(used > 0);
  delete tree;
  delete other;
}

TEST(StandInSignalsOnlyTheProcessThatWasSeen) {
  stand_in::refuses_ids = false;
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  darwin::Process one;
  CHECK(darwin::ReadProcess(child, &one));
  CHECK(!ProcessScanner::Signal({child, 'R', one.id + 1}, SIGKILL));
  CHECK_EQ(errno, ESRCH);
  CHECK(ProcessScanner::Signal({child, 'R', one.id}, SIGKILL));
  waitpid(child, nullptr, 0);
  CHECK(!ProcessScanner::Signal({child, 'R', one.id}, SIGKILL));
}

TEST(StandInClosesAllDescriptorsButThose) {
  const pid_t child = fork();
  if (child == 0) {
    const int wide = fcntl(0, F_DUPFD, 500);
    const int kept = fcntl(0, F_DUPFD, 300);
    const int low = dup(0);
    // More descriptors than one call returns.
    for (int i = 0; i < 150; i++) dup(0);
    int list[2] = {kept, low};
    CloseAllBut(list, 2);
    int open_count = 0;
    for (int fd = 0; fd < 1024; fd++) open_count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    _exit(open_count == 2 && fcntl(kept, F_GETFD) >= 0 && fcntl(low, F_GETFD) >= 0 && fcntl(wide, F_GETFD) < 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK_EQ(status, 0);
}

}  // namespace
}  // namespace tripline
