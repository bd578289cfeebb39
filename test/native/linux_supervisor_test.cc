// The supervisor of a command: what it ends, pauses and passes on, on real processes. Nothing here waits for a time: a
// test waits for what has to happen.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "check.h"
#include "port/process_scanner.h"
#include "start_command.h"
#include "supervised.h"

namespace tripline {
namespace {

using namespace test;

constexpr char kIgnoring[] = "trap '' TERM; echo >&3; sleep 60 & wait";

// A command that reports by the descriptor 3 and reads its standard input.
struct Run {
  explicit Run(const char* line) : shell(line) {
    CHECK_EQ(pipe2(out, O_CLOEXEC), 0);
    CHECK_EQ(pipe2(in, O_CLOEXEC), 0);
    shell.spec.stdio[0] = in[0];
    shell.spec.shared[0] = out[1];
    shell.spec.numbers[0] = 3;
    shell.spec.shared_count = 1;
  }
  ~Run() {
    delete command;
    for (const int fd : {out[0], out[1], in[0], in[1]}) close(fd);
  }
  bool Start(uint64_t timeout = kNever) {
    SpawnFailure why;
    command = StartCommand(shell.spec, &why, timeout);
    CHECK(command != nullptr);
    close(out[1]);
    out[1] = -1;
    return command != nullptr;
  }
  // One byte that the command writes; 0 at the end.
  char Next() {
    char byte = 0;
    return read(out[0], &byte, 1) == 1 ? byte : '\0';
  }
  // A number on a line of its own.
  int NextNumber() {
    int number = 0;
    for (char byte = Next(); byte >= '0'; byte = Next()) number = number * 10 + (byte - '0');
    return number;
  }
  // Starts it and waits until it has written a line.
  bool Begin(uint64_t timeout = kNever) {
    if (!Start(timeout)) return false;
    while (Next() != '\n') continue;
    return true;
  }
  char State() const { return StateOf(static_cast<pid_t>(command->pid)); }
  pid_t pid() const { return static_cast<pid_t>(command->pid); }
  CommandEvent Await(CommandEvent::Kind kind) { return AwaitEvent(command, kind); }

  Shell shell;
  Command* command = nullptr;
  int out[2];
  int in[2];
};

TEST(SupervisorHasAGroupOfItsOwnAndTheUsualSignals) {
  CHECK(HoldsInAFork([] {
    for (const int each : {SIGUSR1, SIGPIPE, SIGRTMAX}) signal(each, SIG_IGN);
    Run run("echo >&3; read line; kill -USR1 $$; exit 3");
    run.Begin();
    const bool apart = getpgid(static_cast<pid_t>(run.command->root)) == run.command->root;
    close(run.in[1]);
    run.in[1] = -1;
    const bool usual = run.Await(CommandEvent::kExited).signal == SIGUSR1;
    run.Await(CommandEvent::kGone);
    return apart && usual;
  }));
}

TEST(SupervisorPassesTheDescriptorZeroOn) {
  CHECK(HoldsInAFork([] {
    Run run("read line; exit $line");
    dup2(run.in[0], 0);
    run.shell.spec.stdio[0] = 0;
    if (!run.Start() || write(run.in[1], "7\n", 2) != 2) return false;
    const bool passed = run.Await(CommandEvent::kExited).code == 7;
    run.Await(CommandEvent::kGone);
    return passed;
  }));
}

TEST(SupervisorKeepsNoStreamOfItsCommand) {
  for (const uint64_t idle : {kNever, 60 * kSecond}) {
    int ends[2];
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    Run run("exec 1>&-; echo >&3; exec sleep 60");
    run.shell.spec.stdio[1] = ends[1];
    run.shell.spec.idle = idle;
    run.Begin();
    close(ends[1]);
    struct pollfd end = {ends[0], POLLIN, 0};
    CHECK_EQ(poll(&end, 1, 10000), 1);
    CHECK((end.revents & POLLHUP) != 0);
    close(ends[0]);
    run.command->End(SIGKILL, 0);
    run.Await(CommandEvent::kGone);
  }
}

TEST(SupervisorHasTheLimitOfOpenFilesOfItsCommand) {
  Run run("echo >&3; exec sleep 60");
  run.shell.spec.open_files = 123;
  run.Begin();
  struct rlimit limit = {};
  CHECK_EQ(prlimit(static_cast<pid_t>(run.command->root), RLIMIT_NOFILE, nullptr, &limit), 0);
  CHECK_EQ(limit.rlim_cur, 123u);
  run.command->End(SIGKILL, 0);
  run.Await(CommandEvent::kGone);
}

TEST(SupervisorOutlivesASignalForACommandThatHasExited) {
  // What it leaves behind ignores the signal to end.
  Run run("(trap '' TERM; echo >&3; sleep 60 & wait) & read line; exit 5");
  run.shell.spec.kill_after = kMillisecond;
  // Once the command has exited, its time is over without a word.
  run.Begin(100 * kMillisecond);
  close(run.in[1]);
  run.in[1] = -1;
  run.Await(CommandEvent::kExited);
  run.command->Signal(SIGUSR1);
  CommandEvent event;
  CHECK(run.command->Next(&event));
  CHECK_EQ(static_cast<int>(event.kind), static_cast<int>(CommandEvent::kGone));
  CHECK(event.killed);
  CHECK_EQ(event.left, 0u);
  CHECK(event.ended >= 2);
}

TEST(SupervisorLetsWhatIsLeftBehindEndByItself) {
  Run run("(read line <&4) & exit 0");
  run.shell.spec.shared[1] = run.in[0];
  run.shell.spec.numbers[1] = 4;
  run.shell.spec.shared_count = 2;
  run.Start();
  run.Await(CommandEvent::kExited);
  close(run.in[1]);
  run.in[1] = -1;
  const CommandEvent end = run.Await(CommandEvent::kGone);
  CHECK(!end.killed);
}

TEST(SupervisorContinuesWhatItKeeps) {
  Run run("sleep 60 & echo $! >&3; wait");
  run.shell.spec.keep = true;
  run.Start();
  const int kept = run.NextNumber();
  run.command->Pause(false);
  CHECK(Becomes([&] { return run.State() == 'T' && StateOf(kept) == 'T'; }));
  kill(run.pid(), SIGKILL);
  const CommandEvent end = run.Await(CommandEvent::kGone);
  CHECK_EQ(end.ended, 0u);
  CHECK_EQ(end.left, 0u);
  CHECK(Becomes([&] { return StateOf(kept) == 'S'; }));
  kill(kept, SIGKILL);
}

TEST(SupervisorReportsNoEndOfAnOrphan) {
  Run run("(sh -c 'echo $$ >&3; exit 3' &); read line; exit 5");
  run.Start();
  const int orphan = run.NextNumber();
  CHECK(Becomes([&] { return StateOf(orphan) == 'X'; }));
  close(run.in[1]);
  run.in[1] = -1;
  CommandEvent event;
  CHECK(run.command->Next(&event));
  CHECK_EQ(static_cast<int>(event.kind), static_cast<int>(CommandEvent::kExited));
  CHECK_EQ(event.code, 5);
  run.Await(CommandEvent::kGone);
}

TEST(SupervisorReportsSilenceOnce) {
  Run run("read line; exit 0");
  run.shell.spec.idle = 10 * kMillisecond;
  run.shell.spec.dry_run = true;
  run.Start();
  run.Await(CommandEvent::kIdle);
  run.command->Resume();
  close(run.in[1]);
  run.in[1] = -1;
  CommandEvent event;
  CHECK(run.command->Next(&event));
  CHECK_EQ(static_cast<int>(event.kind), static_cast<int>(CommandEvent::kExited));
  run.Await(CommandEvent::kGone);
}

TEST(SupervisorEndsInTimeThoughItWasNeverPaused) {
  for (const bool silent : {false, true}) {
    Run run("exec sleep 60");
    if (silent) run.shell.spec.idle = 20 * kMillisecond;
    // A time that is up ends it even if silence would not.
    run.shell.spec.dry_run = !silent;
    run.Start(silent ? kNever : 20 * kMillisecond);
    run.command->Resume();
    run.Await(silent ? CommandEvent::kIdle : CommandEvent::kTimeout);
    CHECK_EQ(run.Await(CommandEvent::kExited).signal, SIGTERM);
    const CommandEvent end = run.Await(CommandEvent::kGone);
    CHECK(!end.killed);
    CHECK_EQ(end.ended, 1u);
  }
}

TEST(SupervisorKillsAtTheEarliestTimeThatItWasGiven) {
  for (const bool earlier_first : {false, true}) {
    Run run(kIgnoring);
    run.Begin();
    run.command->End(SIGTERM, earlier_first ? 20 * kMillisecond : 600 * kSecond);
    run.command->End(SIGTERM, earlier_first ? 600 * kSecond : 20 * kMillisecond);
    CHECK(run.Await(CommandEvent::kGone).killed);
  }
}

TEST(SupervisorCountsEachProcessThatItEnds) {
  for (const int how : {0, 1, 2}) {
    Run run("sleep 60 & sleep 60 & echo >&3; wait");
    run.Begin();
    // By a signal that they obey, by one that they cannot ignore, and by a kill.
    run.command->End(how == 1 ? SIGKILL : SIGTERM, how == 2 ? 0 : 600 * kSecond);
    const CommandEvent end = run.Await(CommandEvent::kGone);
    CHECK_EQ(end.ended, 3u);
    CHECK_EQ(end.killed, how != 0);
    CHECK_EQ(end.left, 0u);
  }
}

// The processor time of all children that have been waited for, in microseconds.
uint64_t TimeOfChildren() {
  struct rusage used = {};
  getrusage(RUSAGE_CHILDREN, &used);
  const auto of = [](const struct timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1000000 + static_cast<uint64_t>(time.tv_usec);
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

TEST(SupervisorReportsTheTimeOfProcessors) {
  // The command says how long it has run by then, where the kernel knows it.
  Run run(
      "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; "
      "read ran rest </proc/$$/schedstat; echo $((${ran:-0}/1000)) >&3");
  const uint64_t before = TimeOfChildren();
  run.Start();
  const auto least = static_cast<uint64_t>(run.NextNumber());
  const CommandEvent end = run.Await(CommandEvent::kGone);
  // The supervisor has been waited for, so its command counts for this process too.
  const uint64_t most = TimeOfChildren() - before;
  CHECK(end.cpu > 0);
  // Each of the two sums lacks less than two microseconds.
  CHECK(end.cpu / 1000 + 2 >= least);
  CHECK(end.cpu / 1000 <= most + 2);
}

TEST(SupervisorContinuesWhatIsStoppedForASignalThatEndsIt) {
  for (const bool passed : {false, true}) {
    Run run("echo >&3; exec sleep 60");
    run.Begin();
    kill(run.pid(), SIGSTOP);
    CHECK(Becomes([&] { return run.State() == 'T'; }));
    if (passed)
      run.command->Signal(SIGTERM);
    else
      run.command->End(SIGTERM, 600 * kSecond);
    CHECK_EQ(run.Await(CommandEvent::kExited).signal, SIGTERM);
    run.Await(CommandEvent::kGone);
  }
}

TEST(SupervisorResumesForEachSignalThatEnds) {
  for (const int each : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) {
    Run run("ulimit -c 0; echo >&3; exec sleep 60");
    run.Begin();
    run.command->Pause(false);
    CHECK(Becomes([&] { return run.State() == 'T'; }));
    run.command->Signal(each);
    CHECK_EQ(run.Await(CommandEvent::kExited).signal, each);
    run.Await(CommandEvent::kGone);
  }
}

// A program that exits with the number of times that it has received the first of two signals, once it receives the
// second. With an argument, it leaves its process group for that of the supervisor.
constexpr char kCounting[] = R"(import os, sys
from signal import *
if len(sys.argv) > 1: os.setpgid(0, os.getppid())
both = {SIGRTMIN, SIGRTMIN + 1}
pthread_sigmask(SIG_BLOCK, both)
os.write(3, b'\n')
count = 0
while sigwait(both) == SIGRTMIN: count += 1
sys.exit(count)
)";

TEST(SupervisorPassesASignalOnOnceWhateverTheGroupOfItsCommand) {
  if (access("/usr/bin/python3", X_OK) != 0) return Skip("python3 is missing");
  for (const char* how : {"", "apart"}) {
    char line[512];
    snprintf(line, sizeof(line), "exec python3 -c \"%s\" %s", kCounting, how);
    Run run(line);
    // Otherwise the test would not end if no signal arrived.
    run.Begin(60 * kSecond);
    run.command->Signal(SIGRTMIN);
    run.command->Signal(SIGRTMIN + 1);
    CHECK_EQ(run.Await(CommandEvent::kExited).code, 1);
    run.Await(CommandEvent::kGone);
  }
}

TEST(SupervisorLeavesStoppedWhatASignalOnlyInforms) {
  Run run("trap 'echo x >&3' USR1; echo >&3; sleep 60 & wait; wait");
  run.Begin();
  kill(run.pid(), SIGSTOP);
  CHECK(Becomes([&] { return run.State() == 'T'; }));
  run.command->Signal(SIGUSR1);
  // Obeyed afterwards.
  run.command->Pause(false);
  ProcessScanner scanner;
  CHECK(scanner.Open());
  const auto all_stopped = [&] {
    scanner.FindDescendants(static_cast<int32_t>(run.command->root));
    for (uint32_t i = 0; i < scanner.count(); i++) {
      if (scanner[i].state != 'T') return false;
    }
    return true;
  };
  CHECK(Becomes(all_stopped));
  struct pollfd output = {run.out[0], POLLIN, 0};
  CHECK_EQ(poll(&output, 1, 0), 0);
  run.command->End(SIGKILL, 0);
  run.Await(CommandEvent::kGone);
}

TEST(SupervisorEndsTheTreeWhenItsParentIsGone) {
  Run run("echo >&3; exec sleep 60");
  run.Begin();
  const pid_t pid = run.pid();
  run.command->Abandon();
  CHECK(Becomes([&] { return StateOf(pid) == 'X'; }));
  CommandEvent event;
  while (run.command->Next(&event)) continue;
}

// Sends a signal of its own choice to end a tree, once, and then another one. The command has no children: one that it
// has just forked may lose a signal before it becomes another program, and then lasts as long as it likes.
bool EndsBySignals() {
  Run run("trap 'echo x >&3' USR1; trap 'exit 5' TERM; echo >&3; while :; do read line; done");
  if (!run.Begin()) return false;
  run.command->End(SIGUSR1, 600 * kSecond);
  if (run.Next() != 'x') return false;
  run.command->End(SIGUSR1, 600 * kSecond);
  run.command->End(SIGTERM, 600 * kSecond);
  if (run.Await(CommandEvent::kExited).code != 5) return false;
  const bool once = run.Next() == '\n' && run.Next() == '\0';
  return !run.Await(CommandEvent::kGone).killed && once;
}

TEST(SupervisorSendsEachSignalOnceToEachProcess) { CHECK(EndsBySignals()); }

#if defined(SYS_readlink)
// Where /proc is of another namespace, which shows by this call alone.
template <typename Body>
bool HoldsWithoutProc(Body body) {
  return HoldsInAFork([&] { return RefuseCall(SYS_readlink, 2, 24) && body(); });
}

TEST(SupervisorWithoutProcSendsEachSignalOnce) { CHECK(HoldsWithoutProc(EndsBySignals)); }

TEST(SupervisorWithoutProcEndsItsCommand) {
  CHECK(HoldsWithoutProc([] {
    Run run("echo >&3; exec sleep 60");
    if (!run.Begin()) return false;
    // A stopped one has to continue.
    kill(run.pid(), SIGSTOP);
    if (!Becomes([&] { return run.State() == 'T'; })) return false;
    run.command->End(SIGTERM, 600 * kSecond);
    const bool ended = run.Await(CommandEvent::kExited).signal == SIGTERM;
    const CommandEvent end = run.Await(CommandEvent::kGone);
    return ended && end.ended == 1 && !end.killed && end.left == 0;
  }));
}

TEST(SupervisorWithoutProcKillsTheGroupOfItsCommand) {
  CHECK(HoldsWithoutProc([] {
    Run run(kIgnoring);
    if (!run.Begin()) return false;
    run.command->End(SIGTERM, kMillisecond);
    const CommandEvent end = run.Await(CommandEvent::kGone);
    return end.killed && end.ended == 1 && end.left == 0;
  }));
}

TEST(SupervisorWithoutProcContinuesItsCommand) {
  CHECK(HoldsWithoutProc([] {
    Run run("echo >&3; exec sleep 60");
    if (!run.Begin()) return false;
    kill(run.pid(), SIGSTOP);
    if (!Becomes([&] { return run.State() == 'T'; })) return false;
    run.command->Resume();
    const bool continued = Becomes([&] { return run.State() == 'S'; });
    run.command->End(SIGKILL, 0);
    run.Await(CommandEvent::kGone);
    return continued;
  }));
}
#endif

}  // namespace
}  // namespace tripline
