// The library's side of a command: sends orders to the supervisor, receives its reports, and cleans up if it is killed.
#include "port/spawn.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "port/command_table.h"
#include "port/os_process.h"
#include "port/process_scanner.h"
#include "posix/bare.h"
#include "posix/supervisor.h"

namespace tripline {

namespace {

// The supervisors of this process, which the probe of a tree must not count.
struct Root {
  bool waits;  // the command does not run yet
};
CommandTable<Root>* CommandRoots() {
  static auto* const table = new CommandTable<Root>();
  return table;
}

// False where the supervisor is gone. If it left an order unread, recv() reports ECONNRESET ahead of the reports that
// it has sent.
bool Receive(int control, Report* report) {
  for (;;) {
    const ssize_t got = recv(control, report, sizeof(*report), MSG_WAITALL);
    if (got == sizeof(*report)) return true;
    if (got >= 0 || (errno != EINTR && errno != ECONNRESET)) return false;
  }
}

void Fail(SpawnFailure* why, const char* call, int error) {
  why->kind = SpawnFailure::kOther;
  // Both limit processes and threads together.
  why->why.SetErrno(call, "", error, error == EAGAIN ? "at the limit of processes: pids.max, ulimit -u?" : "");
}

class PosixCommand final : public Command {
 public:
  PosixCommand(int control, const CommandGroup& own, pid_t supervisor, const char* marker)
      : control_(control), own_group_(own) {
    root = supervisor;
    marker_.Add(marker);
    if (own.made()) snprintf(group, sizeof(group), "%s", own.path());
    own_group_.Publish(root);
    CommandRoots()->Add(root, {true});
  }
  ~PosixCommand() override {
    Close();
    // The supervisor has tried to remove it, but may have been killed first, or a process was still in it.
    own_group_.Remove();
    own_group_.Release();
  }

  void Close() override {
    if (control_ >= 0) close(control_);
    control_ = -1;
  }

  bool Next(CommandEvent* event) override {
    if (done_) return false;
    Report report;
    if (Receive(control_, &report)) {
      *event = report.event;
      done_ = event->kind == CommandEvent::kGone || event->kind == CommandEvent::kFailed;
      if (event->kind == CommandEvent::kStarted) NoteStart(report);
      if (event->kind == CommandEvent::kFailed) NoteFailure(report);
    } else {
      *event = CommandEvent();
      event->kind = CommandEvent::kLost;
      done_ = true;
      if (!WasAbandoned()) Sweep(event);
      if (pid == 0) {
        event->kind = CommandEvent::kFailed;
        failure.why.Set("its supervisor process was killed");
      }
    }
    event->at = MonotonicNow();
    if (done_) {
      CommandRoots()->Remove(root);
      // Wait for this pid only: waiting for any child would reap the host's.
      waitpid(static_cast<pid_t>(root), nullptr, 0);
    }
    return true;
  }

  void Signal(int signal) override { Give(Order::kSignal, signal, 0); }
  void End(int signal, uint64_t kill_after) override { Give(Order::kEnd, signal, kill_after); }
  void Go(uint64_t timeout) override { Give(Order::kGo, 0, timeout); }
  void Pause(bool stops_clock) override { Give(Order::kPause, stops_clock ? 1 : 0, 0); }
  void Resume() override { Give(Order::kResume, 0, 0); }

  void Abandon() override {
    __atomic_store_n(&abandoned_, true, __ATOMIC_RELEASE);
    shutdown(control_, SHUT_RDWR);
  }

 private:
  bool WasAbandoned() const { return __atomic_load_n(&abandoned_, __ATOMIC_ACQUIRE); }

  void NoteStart(const Report& report) {
    pid = report.pid;
    CommandRoots()->With(root, [](Root& each) { each.waits = false; });
    if (report.error == 0) return;
    // The command could not enter its group.
    own_group_.Remove();
    group[0] = '\0';
  }

  void NoteFailure(const Report& report) {
    Fail(&failure, report.call, report.error);
    const bool by_exec = strcmp(report.call, "exec") == 0;
    failure.kind = !by_exec                 ? SpawnFailure::kOther
                   : report.error == ENOENT ? SpawnFailure::kNotFound
                                            : SpawnFailure::kNotExecutable;
  }

  void Give(Order::Kind kind, int signal, uint64_t time) {
    const Order order = {kind, signal, time};
    const ssize_t sent = SendMessage(control_, &order, sizeof(order), false);
    // After a partial write the supervisor would misread the next order. Close the socket instead, which ends the tree.
    if (sent >= 0 && sent < static_cast<ssize_t>(sizeof(order))) shutdown(control_, SHUT_RDWR);
    // Continue the supervisor in case it was stopped, so that it reads the order.
    if (sent > 0) kill(static_cast<pid_t>(root), SIGCONT);
  }

  // The supervisor was killed: finds and kills the processes that are left.
  void Sweep(CommandEvent* event) {
    ProcessScanner scanner;
    if (!scanner.Open()) return;
    event->ended = scanner.FindSurvivors(&own_group_, marker_.get());
    event->killed = event->ended > 0;
    own_group_.Kill();
    // A process that was just being forked may show up later. What is still found after all rounds cannot be ended.
    for (uint32_t empty = 0, round = 0; empty < 3 && round < 200; round++) {
      const uint32_t found = scanner.FindSurvivors(&own_group_, marker_.get());
      for (uint32_t i = 0; i < found; i++) ProcessScanner::Signal(scanner[i], SIGKILL);
      empty = found == 0 ? empty + 1 : 0;
      usleep(5000);
    }
    // Retry until the new parents have reaped the dead processes.
    for (uint32_t round = 0; round < 200 && !own_group_.Remove(); round++) usleep(5000);
  }

  int control_;
  CommandGroup own_group_;
  bare::Line marker_;
  bool done_ = false;
  bool abandoned_ = false;  // set by a thread other than the one in Next()
};

// Returns "/bin/sh", a place for the script's path, and all arguments but the first.
const char** MakeShellArguments(const SpawnSpec& spec) {
  size_t count = 0;
  while (spec.arguments[count] != nullptr) count++;
  auto** list = static_cast<const char**>(malloc((count + 3) * sizeof(char*)));
  if (list == nullptr) return nullptr;
  list[0] = "/bin/sh";
  list[1] = "";
  for (size_t i = 1; i <= count; i++) list[1 + i] = spec.arguments[i];
  if (count == 0) list[2] = nullptr;
  return list;
}

// Forks with all signals blocked, so that no handler of the host runs in the new process.
pid_t ForkSupervisor(const SpawnSpec& spec, const CommandGroup& group, const int* ends) {
  const char** shell_arguments = MakeShellArguments(spec);
  if (shell_arguments == nullptr) return -1;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t supervisor = fork();
  if (supervisor == 0) {
    close(ends[0]);
    BecomeSupervisor(spec, shell_arguments, group, ends[1]);
  }
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  free(shell_arguments);
  errno = error;
  return supervisor;
}

}  // namespace

Command* Command::Prepare(const SpawnSpec& spec, SpawnFailure* why) {
  int ends[2];
  if (!OpenSocketPair(ends)) {
    Fail(why, "socketpair", errno);
    return nullptr;
  }
  static uint32_t runs = 0;
  CommandGroup group;
  group.Make(__atomic_add_fetch(&runs, 1, __ATOMIC_RELAXED), spec.place);

  const pid_t supervisor = ForkSupervisor(spec, group, ends);
  if (supervisor < 0) Fail(why, "fork", errno);
  close(ends[1]);
  if (supervisor > 0) return new PosixCommand(ends[0], group, supervisor, spec.marker);
  close(ends[0]);
  group.Remove();
  group.Release();
  return nullptr;
}

bool OpenCommandPipe(PipeUse use, int* ends, Failure* why) {
  if (!OpenStream(use == PipeUse::kBoth, ends)) {
    why->SetErrno("pipe", "", errno, "");
    return false;
  }
  if (use == PipeUse::kCommandReads) std::swap(ends[0], ends[1]);
  return true;
}

void CloseCommandPipe(int end) { close(end); }

bool IsCommandRoot(int64_t pid) { return CommandRoots()->Has(pid); }

bool IsWaitingRoot(int64_t pid) {
  bool waits = false;
  CommandRoots()->With(pid, [&waits](const Root& root) { waits = root.waits; });
  return waits;
}

}  // namespace tripline
