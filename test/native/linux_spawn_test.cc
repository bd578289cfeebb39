// Runs real commands, and the scanner of their processes, on the real /proc.
#include "port/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "check.h"
#include "port/inheritance.h"
#include "port/process_scanner.h"
#include "posix/marker.h"
#include "start_command.h"
#include "supervised.h"

namespace tripline {
namespace {

using namespace test;

TEST(CommandReportsHowItEnded) {
  Shell shell("exit 7");
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why);
  CHECK(command != nullptr);
  CHECK(IsCommandRoot(command->root));
  CHECK_EQ(AwaitEvent(command, CommandEvent::kExited).code, 7);
  CHECK_EQ(AwaitEvent(command, CommandEvent::kGone).ended, 0u);
  CHECK(!IsCommandRoot(command->root));
  CHECK_EQ(access(command->group[0] == '\0' ? "/none" : command->group, F_OK), -1);
  delete command;
}

TEST(CommandWaitsUntilItMayGo) {
  Shell shell("exit 7");
  SpawnFailure why;
  Command* command = Command::Prepare(shell.spec, &why);
  CHECK(command != nullptr);
  CHECK(IsCommandRoot(command->root));
  CHECK(IsWaitingRoot(command->root));
  command->Go(kNever);
  CHECK(AwaitEvent(command, CommandEvent::kStarted).kind == CommandEvent::kStarted);
  CHECK(!IsWaitingRoot(command->root));
  CHECK_EQ(AwaitEvent(command, CommandEvent::kExited).code, 7);
  AwaitEvent(command, CommandEvent::kGone);
  delete command;
}

TEST(CommandThatIsEndedBeforeItMayGoIsNeverRun) {
  char path[64];
  snprintf(path, sizeof(path), "/tmp/tripline-never-%d", getpid());
  // Of a process that had the same number in another namespace.
  unlink(path);
  char line[96];
  snprintf(line, sizeof(line), "touch %s", path);
  Shell shell(line);
  SpawnFailure why;
  Command* command = Command::Prepare(shell.spec, &why);
  CHECK(command != nullptr);
  char group[300];
  snprintf(group, sizeof(group), "%s", command->group);
  command->End(SIGTERM, kSecond);
  command->Go(kNever);
  AwaitEvent(command, CommandEvent::kFailed);
  CommandEvent event;
  CHECK(!command->Next(&event));
  delete command;
  CHECK_EQ(access(path, F_OK), -1);
  CHECK_EQ(access(group[0] == '\0' ? "/none" : group, F_OK), -1);
}

TEST(CommandIsEndedByItsOwnClock) {
  Shell shell("trap '' TERM; sleep 60; sleep 60");
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why, 100 * kMillisecond);
  CHECK(command != nullptr);
  AwaitEvent(command, CommandEvent::kTimeout);
  CHECK_EQ(AwaitEvent(command, CommandEvent::kExited).signal, SIGKILL);
  CHECK(AwaitEvent(command, CommandEvent::kGone).killed);
  delete command;
}

TEST(CommandThatIsSilentIsEndedUnlessItIsADryRun) {
  for (const bool dry_run : {false, true}) {
    Shell shell("sleep 0.5");
    shell.spec.idle = 100 * kMillisecond;
    shell.spec.dry_run = dry_run;
    SpawnFailure why;
    Command* command = StartCommand(shell.spec, &why);
    CHECK(command != nullptr);
    AwaitEvent(command, CommandEvent::kIdle);
    CHECK_EQ(AwaitEvent(command, CommandEvent::kExited).signal, dry_run ? 0 : SIGTERM);
    AwaitEvent(command, CommandEvent::kGone);
    delete command;
  }
}

TEST(CommandHasNoTimeoutWhileItsClockStandsStill) {
  Shell shell("exec sleep 60");
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why, kSecond);
  CHECK(command != nullptr);
  command->Pause(true);
  usleep(1200000);
  // Still waiting: the order is obeyed before the timeout, which goes on afterwards.
  command->Signal(SIGUSR1);
  command->Resume();
  CHECK_EQ(AwaitEvent(command, CommandEvent::kExited).signal, SIGUSR1);
  AwaitEvent(command, CommandEvent::kGone);
  delete command;
}

// A command in a control group of its own. Where none can be made, the test is skipped, and there is no command.
Command* StartInGroup(const SpawnSpec& spec) {
  SpawnFailure why;
  Command* command = StartCommand(spec, &why);
  CHECK(command != nullptr);
  if (command == nullptr || command->group[0] != '\0') return command;
  command->End(SIGKILL, kSecond);
  AwaitEvent(command, CommandEvent::kGone);
  delete command;
  test::Skip("no control group of its own can be made here");
  return nullptr;
}

TEST(CommandTakesItsGroupAwayWithWhatWasMadeBelow) {
  Shell shell("exec sleep 60");
  Command* command = StartInGroup(shell.spec);
  if (command == nullptr) return;
  for (const char* below : {"/below", "/below/that", "/beside"}) {
    char path[300];
    snprintf(path, sizeof(path), "%s%s", command->group, below);
    CHECK_EQ(mkdir(path, 0755), 0);
  }
  command->End(SIGTERM, kSecond);
  AwaitEvent(command, CommandEvent::kGone);
  CHECK_EQ(access(command->group, F_OK), -1);
  delete command;
}

TEST(CommandTakesItsGroupAwayWhenItsSupervisorCouldNot) {
  Shell shell("exec sleep 60");
  Command* command = StartInGroup(shell.spec);
  if (command == nullptr) return;
  char group[300], members[320];
  snprintf(group, sizeof(group), "%s", command->group);
  snprintf(members, sizeof(members), "%s/cgroup.procs", group);
  // A process that is in the group but not part of the command. While it is there, the supervisor cannot remove the
  // group.
  const pid_t guest = fork();
  if (guest == 0) {
    if (FILE* file = fopen(members, "w")) {
      fprintf(file, "0");
      fclose(file);
    }
    kill(getpid(), SIGSTOP);
    _exit(0);
  }
  siginfo_t over;
  waitid(P_PID, static_cast<id_t>(guest), &over, WSTOPPED);
  command->End(SIGTERM, 60 * kSecond);
  waitid(P_PID, static_cast<id_t>(command->root), &over, WEXITED | WNOWAIT);
  kill(guest, SIGKILL);
  waitpid(guest, nullptr, 0);
  AwaitEvent(command, CommandEvent::kGone);
  delete command;
  CHECK_EQ(access(group, F_OK), -1);
}

TEST(CommandThatEndsWithOrdersOnTheirWayIsNotLost) {
  Shell shell("exec sleep 60");
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why);
  CHECK(command != nullptr);
  // The supervisor is stopped, so all of these orders are waiting when it continues, and it leaves most of them unread.
  kill(static_cast<pid_t>(command->root), SIGSTOP);
  kill(static_cast<pid_t>(command->pid), SIGKILL);
  for (int i = 0; i < 8; i++) command->Signal(SIGCONT);
  kill(static_cast<pid_t>(command->root), SIGCONT);
  siginfo_t over;
  waitid(P_PID, static_cast<id_t>(command->root), &over, WEXITED | WNOWAIT);
  CHECK_EQ(AwaitEvent(command, CommandEvent::kExited).signal, SIGKILL);
  AwaitEvent(command, CommandEvent::kGone);
  delete command;
}

TEST(CommandThatRunsOutOfDescriptorsSaysSo) {
  struct rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  // One more descriptor each time: wherever the supervisor runs out, the error is reported. With fewer, the kernel
  // returns another error.
  bool started = false;
  for (rlim_t most = 21; most < 64 && !started; most++) {
    struct rlimit few = before;
    few.rlim_cur = most;
    setrlimit(RLIMIT_NOFILE, &few);
    Shell shell("exit 0");
    SpawnFailure why;
    Command* command = StartCommand(shell.spec, &why);
    setrlimit(RLIMIT_NOFILE, &before);
    started = command != nullptr;
    if (started)
      AwaitEvent(command, CommandEvent::kGone);
    else
      CHECK(strstr(why.why.text, ": EMFILE") != nullptr);
    delete command;
  }
  CHECK(started);
}

TEST(CommandThatIsNotThere) {
  Shell shell("");
  shell.files[1] = nullptr;
  SpawnFailure why;
  CHECK(StartCommand(shell.spec, &why) == nullptr);
  CHECK_EQ(static_cast<int>(why.kind), static_cast<int>(SpawnFailure::kNotFound));
  CHECK_EQ(static_cast<const char*>(why.why.text), "exec: ENOENT");
  // The test process has no child left to reap.
  CHECK_EQ(waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(CommandEndsWithAllThatIgnoreTheSignal) {
  Shell shell("trap '' TERM; (setsid sh -c \"trap '' TERM; sleep 60; sleep 60\" &); sleep 60; sleep 60");
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why);
  CHECK(command != nullptr);
  ProcessScanner scanner;
  CHECK(scanner.Open());
  while (scanner.FindDescendants(static_cast<int32_t>(command->root)) < 4) usleep(1000);
  // For a moment during exec, a process has no environment.
  while (scanner.FindSurvivors(nullptr, marker.value()) < 4) usleep(1000);
  command->End(SIGTERM, 50 * kMillisecond);
  const CommandEvent end = AwaitEvent(command, CommandEvent::kGone);
  CHECK(end.killed);
  CHECK(end.ended >= 4);
  CHECK_EQ(scanner.FindSurvivors(nullptr, marker.value()), 0u);
  delete command;
}

TEST(ProcessScannerIsBlindAfterAWhileWithoutDescriptors) {
  ProcessScanner scanner;
  CHECK(scanner.Open());
  struct rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const struct rlimit none = {0, before.rlim_max};
  const auto scan = [&](int times) {
    setrlimit(RLIMIT_NOFILE, &none);
    for (int i = 0; i < times; i++) scanner.FindDescendants(getpid());
    setrlimit(RLIMIT_NOFILE, &before);
  };
  // It passes soon: then processes are found again.
  for (int i = 0; i < 3; i++) {
    scan(4);
    CHECK(!scanner.blind());
    scanner.FindDescendants(getpid());
  }
  scan(5);
  CHECK(scanner.blind());
}

TEST(CommandIsNotHeldByADebuggerThatDoesNotWaitForIt) {
  Shell shell("exec sleep 60");
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why);
  CHECK(command != nullptr);
  const auto pid = static_cast<pid_t>(command->pid);
  CHECK_EQ(ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACESYSGOOD), 0);
  command->End(SIGKILL, 0);
  const CommandEvent end = AwaitEvent(command, CommandEvent::kGone);
  CHECK_EQ(end.ended, 1u);
  CHECK_EQ(end.left, 0u);
  waitpid(pid, nullptr, __WALL);
  delete command;
}

TEST(CommandThatDiedByItselfIsNotHeldByADebuggerEither) {
  Shell shell("read line; exit 7");
  int ends[2];
  CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
  shell.spec.stdio[0] = ends[0];
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why);
  CHECK(command != nullptr);
  close(ends[0]);
  const auto pid = static_cast<pid_t>(command->pid);
  CHECK_EQ(ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACESYSGOOD), 0);
  close(ends[1]);
  CHECK_EQ(AwaitEvent(command, CommandEvent::kExited).code, 7);
  const CommandEvent end = AwaitEvent(command, CommandEvent::kGone);
  CHECK_EQ(end.ended, 0u);
  CHECK_EQ(end.left, 0u);
  waitpid(pid, nullptr, __WALL);
  delete command;
}

TEST(CommandIsPausedWhole) {
  Shell shell("sleep 60 & setsid sleep 60 & wait");
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why);
  CHECK(command != nullptr);
  ProcessScanner scanner;
  CHECK(scanner.Open());
  const auto root = static_cast<int32_t>(command->root);
  auto stopped = [&] {
    uint32_t count = 0;
    scanner.FindDescendants(root);
    for (uint32_t i = 0; i < scanner.count(); i++) count += scanner[i].state == 'T' ? 1 : 0;
    return count;
  };
  while (scanner.FindDescendants(root) < 3) usleep(1000);
  command->Pause(false);
  while (stopped() < 3) usleep(1000);
  command->Resume();
  while (stopped() > 0) usleep(1000);
  command->End(SIGKILL, 0);
  AwaitEvent(command, CommandEvent::kGone);
  delete command;
}

TEST(CommandThatIsPausedContinuesWholeForASignalThatEndsIt) {
  // The last sleep is in a process group of its own.
  Shell shell("trap '' TERM; sleep 60 & setsid sleep 60 & wait");
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why);
  CHECK(command != nullptr);
  ProcessScanner scanner;
  CHECK(scanner.Open());
  const auto root = static_cast<int32_t>(command->root);
  pid_t apart = 0;
  auto stopped = [&] {
    uint32_t count = 0;
    scanner.FindDescendants(root);
    for (uint32_t i = 0; i < scanner.count(); i++) {
      count += scanner[i].state == 'T' ? 1 : 0;
      if (getsid(scanner[i].pid) == scanner[i].pid) apart = scanner[i].pid;
    }
    return count;
  };
  CHECK(Becomes([&] { return stopped() == 0 && scanner.count() == 3 && apart != 0; }));
  command->Pause(false);
  CHECK(Becomes([&] { return stopped() == 3; }));
  command->Signal(SIGTERM);
  CHECK(Becomes([&] { return stopped() == 0; }));
  // What has not been paused is continued only where the signal goes, which is the command's group.
  kill(apart, SIGSTOP);
  CHECK(Becomes([&] { return stopped() == 1; }));
  command->Signal(SIGTERM);
  command->Signal(SIGSTOP);
  CHECK(Becomes([&] { return stopped() >= 2; }));
  CHECK(Becomes([&] { return stopped() == 3; }));
  command->End(SIGKILL, 0);
  AwaitEvent(command, CommandEvent::kGone);
  delete command;
}

TEST(CommandIsNotSilentFromTheBeginning) {
  Shell shell("sleep 0.05; exit 3");
  // Less than the clock shows, which begins when the machine starts.
  shell.spec.idle = 20 * kSecond;
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why);
  CHECK(command != nullptr);
  CommandEvent event;
  CHECK(command->Next(&event));
  CHECK_EQ(static_cast<int>(event.kind), static_cast<int>(CommandEvent::kExited));
  CHECK_EQ(event.code, 3);
  AwaitEvent(command, CommandEvent::kGone);
  delete command;
}

TEST(CommandsDescriptorsAreNotKeptByItsSupervisor) {
  int ends[2];
  CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
  Shell shell("exec 3>&-; exec sleep 60");
  shell.spec.shared[0] = ends[1];
  shell.spec.numbers[0] = 3;
  shell.spec.shared_count = 1;
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why);
  CHECK(command != nullptr);
  close(ends[1]);
  // The command has closed it, so its other end sees that while the command runs.
  struct pollfd end = {ends[0], POLLIN, 0};
  CHECK_EQ(poll(&end, 1, 10000), 1);
  CHECK((end.revents & POLLHUP) != 0);
  // Nor do files that are opened later take the place of the standard streams.
  for (int fd = 0; fd < 3; fd++) {
    char path[64], target[64] = "";
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", static_cast<int>(command->root), fd);
    CHECK(readlink(path, target, sizeof(target) - 1) > 0);
    CHECK_EQ(static_cast<const char*>(target), "/dev/null");
  }
  command->End(SIGKILL, 0);
  AwaitEvent(command, CommandEvent::kGone);
  delete command;
  close(ends[0]);
}

TEST(CommandWhoseDescriptorsAreNotOpenIsRefused) {
  const int none = fcntl(0, F_DUPFD_CLOEXEC, 100);
  close(none);
  for (int i = 0; i < 4; i++) {
    Shell shell("exit 0");
    if (i < 3) {
      shell.spec.stdio[i] = none;
    } else {
      shell.spec.shared[0] = none;
      shell.spec.numbers[0] = 3;
      shell.spec.shared_count = 1;
    }
    SpawnFailure why;
    CHECK(StartCommand(shell.spec, &why) == nullptr);
    CHECK_EQ(static_cast<const char*>(why.why.text), "dup: EBADF");
  }
}

TEST(CommandsOutputKeepsItsPlaceWhileSilenceIsWatched) {
  int out[2], err[2];
  CHECK_EQ(pipe2(out, O_CLOEXEC), 0);
  CHECK_EQ(pipe2(err, O_CLOEXEC), 0);
  Shell shell("echo a; echo b >&2");
  shell.spec.stdio[1] = out[1];
  shell.spec.stdio[2] = err[1];
  shell.spec.idle = 60 * kSecond;
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why);
  CHECK(command != nullptr);
  close(out[1]);
  close(err[1]);
  AwaitEvent(command, CommandEvent::kGone);
  delete command;
  char text[8] = "";
  CHECK_EQ(read(out[0], text, sizeof(text)), 2);
  CHECK_EQ(text[0], 'a');
  CHECK_EQ(read(err[0], text, sizeof(text)), 2);
  CHECK_EQ(text[0], 'b');
  close(out[0]);
  close(err[0]);
}

TEST(CommandIsSweptUpWhenItsSupervisorIsKilled) {
  Shell shell("(setsid sleep 60 &); (trap '' TERM; sleep 60; sleep 60) & sleep 60");
  SpawnFailure why;
  Command* command = StartCommand(shell.spec, &why);
  CHECK(command != nullptr);
  ProcessScanner scanner;
  CHECK(scanner.Open());
  while (scanner.FindDescendants(static_cast<int32_t>(command->root)) < 5) usleep(1000);
  kill(static_cast<pid_t>(command->root), SIGKILL);
  const CommandEvent end = AwaitEvent(command, CommandEvent::kLost);
  CHECK(end.ended > 0);
  CHECK(end.killed);
  CHECK_EQ(scanner.FindSurvivors(nullptr, marker.value()), 0u);
  delete command;
}

// Starts a command, writes the ids of its supervisor and of itself, and waits to be killed.
[[noreturn]] void StartAndWait(int out) {
  Shell shell("echo $PPID $$ >&3; exec sleep 60");
  shell.spec.shared[0] = out;
  shell.spec.numbers[0] = 3;
  shell.spec.shared_count = 1;
  SpawnFailure why;
  if (StartCommand(shell.spec, &why) == nullptr) _exit(1);
  for (;;) pause();
}

TEST(CommandDiesWithItsSupervisorThoughNothingSweepsItUp) {
  int ends[2];
  CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
  const pid_t library = fork();
  if (library == 0) StartAndWait(ends[1]);
  close(ends[1]);
  int supervisor = 0, command = 0;
  FILE* lines = fdopen(ends[0], "r");
  CHECK_EQ(fscanf(lines, "%d %d", &supervisor, &command), 2);
  // The process with the library could end the command's tree; it is stopped.
  kill(library, SIGSTOP);
  if (supervisor > 1) kill(supervisor, SIGKILL);
  for (int i = 0; i < 2000 && StateOf(command) != 'X' && StateOf(command) != 'Z'; i++) usleep(10000);
  CHECK(command > 1 && (StateOf(command) == 'X' || StateOf(command) == 'Z'));
  if (command > 1) kill(command, SIGKILL);
  kill(library, SIGKILL);
  waitpid(library, nullptr, 0);
  fclose(lines);
}

TEST(CommandIsNotStartedWhereItsOrphansCannotBeHeld) {
  CHECK(HoldsInAFork([] {
    if (!RefuseCall(SYS_prctl, 0, PR_SET_CHILD_SUBREAPER)) return false;
    Shell shell("exit 0");
    SpawnFailure why;
    return StartCommand(shell.spec, &why) == nullptr && strcmp(why.why.text, "prctl: EPERM") == 0;
  }));
}

TEST(CommandThatItsGroupRefusesRunsWithoutOne) {
  CHECK(HoldsInAFork([] {
    // The write that enters a group has one byte.
    if (!RefuseCall(SYS_write, 2, 1)) return false;
    Shell shell("exec sleep 60");
    SpawnFailure why;
    Command* command = StartCommand(shell.spec, &why);
    if (command == nullptr || command->group[0] != '\0') return false;
    command->End(SIGKILL, 0);
    CommandEvent event;
    while (command->Next(&event) && event.kind != CommandEvent::kGone) {
    }
    return event.killed && event.ended == 1;
  }));
}

// A process whose main thread has ended while another thread runs.
pid_t ForkWithoutMainThread() {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  pthread_t other;
  pthread_create(
      &other, nullptr,
      [](void*) -> void* {
        for (;;) pause();
      },
      nullptr);
  pthread_exit(nullptr);
}

TEST(ProcessWithoutItsMainThreadIsFoundStoppedAndKilled) {
  const pid_t child = ForkWithoutMainThread();
  char path[64], text[256] = "";
  snprintf(path, sizeof(path), "/proc/%d/stat", child);
  while (strstr(text, ") Z ") == nullptr) {
    FILE* file = fopen(path, "r");
    CHECK(file != nullptr && fgets(text, sizeof(text), file) != nullptr);
    fclose(file);
    usleep(1000);
  }
  ProcessScanner scanner;
  CHECK(scanner.Open());
  CHECK_EQ(scanner.FindDescendants(getpid()), 1u);
  CHECK(ProcessScanner::Signal(scanner[0], SIGSTOP));
  while (scanner.FindDescendants(getpid()) == 1 && scanner[0].state != 'T') usleep(1000);
  CHECK_EQ(scanner.count(), 1u);
  CHECK(ProcessScanner::Signal(scanner[0], SIGKILL));
  CHECK_EQ(waitpid(child, nullptr, 0), child);
  CHECK_EQ(scanner.FindDescendants(getpid()), 0u);
}

bool HasMarker(const char* environment, size_t size, size_t piece) {
  MarkerSearch search("7.a.1");
  for (size_t at = 0; at < size; at += piece) search.Read(environment + at, piece < size - at ? piece : size - at);
  return search.found();
}

TEST(MarkerIsTheValueOfAVariable) {
  for (const size_t piece : {1, 3, 4096}) {
    const auto has = [&](const char* value) {
      char text[128];
      const int size = snprintf(text, sizeof(text), "A=b%c%s%cC=d", 0, value, 0) + 1;
      return HasMarker(text, static_cast<size_t>(size), piece);
    };
    CHECK(has("TRIPLINE_RUN=7.a.1"));
    CHECK(has("TRIPLINE_RUN=6.b.2:7.a.1"));
    CHECK(has("TRIPLINE_RUN=7.a.1:8.c.3"));
    CHECK(!has("TRIPLINE_RUN=7.a.12"));
    CHECK(!has("TRIPLINE_RUN=17.a.1"));
    CHECK(!has("TRIPLINE_RUN="));
    CHECK(!has("MY_TRIPLINE_RUN=7.a.1"));
    CHECK(!has("LOG=TRIPLINE_RUN=7.a.1"));
    CHECK(!has("LOG=x:7.a.1"));
    CHECK(!has("7.a.1"));
  }
}

TEST(ProcessScannerSignalsOnlyTheProcessThatItSaw) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  ProcessScanner scanner;
  CHECK(scanner.Open());
  CHECK_EQ(scanner.FindDescendants(getpid()), 1u);
  ProcessScanner::ProcessEntry other = scanner[0];
  other.id++;
  CHECK(!ProcessScanner::Signal(other, SIGKILL));
  CHECK_EQ(errno, ESRCH);
  CHECK(ProcessScanner::Signal(scanner[0], SIGKILL));
  waitpid(child, nullptr, 0);
  CHECK(!ProcessScanner::Signal(scanner[0], SIGKILL));
  CHECK_EQ(scanner.FindDescendants(getpid()), 0u);
}

TEST(ForkedProcessKeepsOnlyTheDescriptorsThatItNames) {
  const pid_t child = fork();
  if (child == 0) {
    const int wide = fcntl(0, F_DUPFD, 200);
    const int kept = fcntl(0, F_DUPFD, 100);
    const int low = dup(0);
    int list[2] = {kept, low};
    CloseAllBut(list, 2);
    const bool right = fcntl(kept, F_GETFD) >= 0 && fcntl(low, F_GETFD) >= 0 && fcntl(wide, F_GETFD) < 0 &&
                       fcntl(0, F_GETFD) < 0 && list[0] == low;
    _exit(right ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK_EQ(status, 0);
}

}  // namespace
}  // namespace tripline
