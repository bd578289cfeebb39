// The supervisor's main loop: waits for events, handles them, and ends the process tree.
#include "posix/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <initializer_list>

#include "port/drain.h"
#include "port/inheritance.h"
#include "port/os_process.h"
#include "port/process_scanner.h"
#include "posix/bare.h"
#include "posix/launch.h"
#include "posix/relay.h"

namespace tripline {

namespace {

// Consecutive scans in which no survivor could be killed (EPERM), because all belong to another user.
constexpr uint32_t kRefusals = 20;
// Attempts to remove the group.
constexpr uint32_t kRemovals = 20;
// Rounds of stopping before a kill: one is enough for all but a fork bomb.
constexpr uint32_t kStopRounds = 50;

uint64_t ToNanoseconds(const struct timeval& time) {
  return static_cast<uint64_t>(time.tv_sec) * kSecond + static_cast<uint64_t>(time.tv_usec) * 1000;
}

// Zero is SIG_DFL. Without handlers none of the calls here is interrupted (EINTR).
void ResetSignals() {
  static struct sigaction standard;
  for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &standard, nullptr);
}

class Supervisor {
 public:
  explicit Supervisor(const SpawnSpec& spec, const CommandGroup& group)
      : end_signal_(spec.end_signal),
        kill_after_(spec.kill_after),
        idle_(spec.idle),
        dry_run_(spec.dry_run),
        keep_(spec.keep),
        own_process_group_(!spec.foreground),
        group_(group) {}

  // Starts the command. False when that failed, which has been reported.
  [[gnu::noinline]] bool Start(const SpawnSpec& spec, const char** shell_arguments, int control) {
    ResetSignals();
    const pid_t parent_group = getpgrp();
    // A process group of its own: a signal that a terminal or service manager sends to the parent's group must not end
    // the supervisor before the tree.
    setpgid(0, 0);

    Launch launch = {&spec,   &group_, shell_arguments, {-1, -1, -1}, shared_, own_process_group_ ? 0 : parent_group,
                     {-1, -1}};
    if (!TakeDescriptors(spec, control, &launch)) return Refuse("dup", errno);
    // Without it, orphans would leave the tree unnoticed.
    if (!HoldOrphans()) return Refuse("prctl", errno);
    if (!scanner_.Open()) return Refuse("mmap", ENOMEM);
    if (!scanner_.Follow(&group_, getpid(), spec.marker)) return Refuse("follow", errno);
    if (!AwaitGo()) return Refuse("start", ECANCELED);
    LaunchFailure why;
    command_ = StartCommand(launch, &why);
    if (command_ < 0) return Refuse(why.call, why.error);
    target_ = own_process_group_ ? -command_ : command_;
    end_watch_ = WatchEnd(command_);

    for (const int fd : launch.stdio) close(fd);
    for (uint32_t i = 0; i < spec.shared_count; i++) close(shared_[i]);
    // A tripline below this one takes the limit from its parent.
    LimitOpenFiles(spec.open_files);
    for (Relay& relay : relays_) relay.CloseInput();
    Report report;
    report.event.kind = CommandEvent::kStarted;
    report.pid = command_;
    report.error = why.outside ? 1 : 0;
    Send(report);
    // Killing an empty group would count as having killed the tree.
    if (why.outside) group_.Remove();
    DropMemory();
    return true;
  }

  [[gnu::noinline]] void Run() {
    written_at_ = bare::Now();
    for (;;) {
      is_empty_ = Reap();
      CheckTime();
      if (is_empty_ && (!HasOutput() || drain_.IsOver(bare::Now(), written_at_))) return ReportGone();
      if (!is_empty_) Advance();
      if (gave_up_ || phase_ == kLeaving) return ReportGone();
      Wait();
    }
  }

  void RemoveGroup() {
    // A process that has only just died may still count as a member.
    for (uint32_t round = 0; round < kRemovals && !group_.Remove(); round++) usleep(5000);
  }

 private:
  enum Phase { kRunning, kLeaving, kLingering, kEnding, kKilling };

  // ---- starting

  // Duplicates everything that the command needs before closing the parent's descriptors: fork handlers of the parent
  // close descriptors by number.
  bool TakeDescriptors(const SpawnSpec& spec, int control, Launch* launch) {
    // Set before it is duplicated, so that a failure in this function can be reported.
    control_ = control;
    int kept[10 + SpawnSpec::kMostShared];
    uint32_t count = 0;
    for (uint32_t i = 0; i < spec.shared_count; i++) {
      kept[count++] = shared_[i] = bare::Duplicate(spec.shared[i]);
      if (shared_[i] < 0) return false;
    }
    int* stdio = launch->stdio;
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++) {
      stdio[i] = bare::Duplicate(spec.stdio[i] < 0 ? null : spec.stdio[i]);
      if (stdio[i] < 0) return false;
    }
    const int own_control = bare::Duplicate(control);
    if (own_control < 0) return false;
    control_ = own_control;
    if (!bare::OpenPipe(launch->failure)) return false;
    for (const int fd : {stdio[0], control_, launch->failure[0], launch->failure[1]}) kept[count++] = fd;
    for (int i = 0; i < 2; i++) {
      kept[count++] = stdio[i + 1];
      if (idle_ == kNever) continue;
      if (!relays_[i].Open(stdio[i + 1])) return false;
      stdio[i + 1] = kept[count++] = relays_[i].input();
      kept[count++] = relays_[i].output();
    }
    CloseAllBut(kept, count);
    for (int i = 0; i < 3; i++) open("/dev/null", O_RDWR | O_CLOEXEC);
    return true;
  }

  // Until everything that watches the command is ready. Any other order, or the end of the socket, means that it is not
  // to be run.
  bool AwaitGo() {
    Order order;
    const ssize_t got = recv(control_, &order, sizeof(order), MSG_WAITALL);
    if (got != sizeof(order) || order.kind != Order::kGo) return false;
    timeout_at_ = Later(bare::Now(), order.time);
    return true;
  }

  bool Refuse(const char* call, int error) {
    Report report;
    report.event.kind = CommandEvent::kFailed;
    report.call = call;
    report.error = error;
    Send(report);
    return false;
  }

  // ---- events

  // Reaps ended children. True when no process of the tree is left.
  bool Reap() {
    for (;;) {
      int status = 0;
      // Waiting for any child is safe here: this process has no children but the command and orphans of the tree.
      const pid_t pid = waitpid(-1, &status, WNOHANG);
      if (pid == 0) {
        // A debugger that does not wait for the command must not hold it.
        if (bare::Now() < held_until_ || command_ == 0) return false;
        held_until_ = kNever;
        if (ReadEnd(command_, &status)) ReportExited(status);
        return false;
      }
      if (pid < 0) return scanner_.IsEmpty();
      if (pid == command_) ReportExited(status);
    }
  }

  void ReportExited(int status) {
    command_ = 0;
    Report report;
    report.event.kind = CommandEvent::kExited;
    report.event.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    report.event.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    Send(report);
    if (phase_ != kRunning) return;
    phase_ = keep_ ? kLeaving : kLingering;
    // Nothing could continue what is left alone.
    if (keep_ && paused_at_ != 0) Resume();
    next_at_ = bare::Now() + kLeftoverTime;
  }

  void ReportGone() {
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    Report report;
    report.event.kind = CommandEvent::kGone;
    report.event.cpu = ToNanoseconds(used.ru_utime) + ToNanoseconds(used.ru_stime);
    report.event.ended = ended_;
    report.event.killed = killed_;
    report.event.left = !gave_up_ ? 0 : scanner_.blind() ? 1 : scanner_.count();
    Send(report);
  }

  void Send(const Report& report) { SendMessage(control_, &report, sizeof(report), true); }

  bool HasOutput() {
    for (Relay& relay : relays_) {
      if (relay.open()) return true;
    }
    return false;
  }

  void Wait() {
    struct pollfd waits[5] = {
        {control_, POLLIN, 0}, {scanner_.handle(), POLLIN, 0}, {-1, 0, 0}, {-1, 0, 0}, {end_watch_, POLLIN, 0}};
    for (int i = 0; i < 2; i++) {
      if (relays_[i].open()) waits[2 + i] = relays_[i].Interest();
    }
    poll(waits, 5, TimeToWait());
    if (waits[0].revents != 0) Obey();
    if (waits[4].revents != 0) {
      close(end_watch_);
      end_watch_ = -1;
      held_until_ = bare::Now() + kLeftoverTime;
    }
    scanner_.Update();
    for (int i = 0; i < 2; i++) {
      if (relays_[i].Move(waits[2 + i].revents)) written_at_ = bare::Now();
    }
  }

  int TimeToWait() const {
    const uint64_t next_at = is_empty_ ? drain_.End(written_at_) : next_at_;
    uint64_t at = next_at < scanner_.update_at() ? next_at : scanner_.update_at();
    if (SilentAt() < at) at = SilentAt();
    if (OverAt() < at) at = OverAt();
    if (held_until_ < at && command_ != 0) at = held_until_;
    if (at == kNever) return -1;
    const uint64_t now = bare::Now();
    if (at <= now) return 0;
    const uint64_t ms = (at - now + kMillisecond - 1) / kMillisecond;
    return ms > 1000000 ? 1000000 : static_cast<int>(ms);
  }

  // When it has been silent for too long; kNever while that does not count.
  uint64_t SilentAt() const {
    const bool counts = phase_ == kRunning && idle_ != kNever && !idle_reported_ && paused_at_ == 0;
    return counts ? written_at_ + idle_ : kNever;
  }

  // When its time is up; kNever while its clock stands still.
  uint64_t OverAt() const { return clock_stopped_at_ == 0 ? timeout_at_ : kNever; }

  void CheckTime() {
    const uint64_t now = bare::Now();
    const bool over = now >= OverAt();
    if (!over && now < SilentAt()) return;
    // Once the command has ended, only output and processes that it left behind remain.
    if (phase_ == kRunning) {
      Report report;
      report.event.kind = over ? CommandEvent::kTimeout : CommandEvent::kIdle;
      Send(report);
      idle_reported_ = true;
    }
    if (over) timeout_at_ = kNever;
    if (!over && dry_run_) return;
    drain_.Hurry();
    if (phase_ < kEnding) End(end_signal_, kill_after_);
  }

  void StopClock(bool stop) {
    const uint64_t now = bare::Now();
    if (clock_stopped_at_ != 0) timeout_at_ = Later(timeout_at_, now - clock_stopped_at_);
    clock_stopped_at_ = stop ? now : 0;
  }

  void Obey() {
    Order order;
    const ssize_t got = recv(control_, &order, sizeof(order), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got != sizeof(order)) {
      // The process that started the command is gone and sent no further order.
      close(control_);
      control_ = -1;
      drain_.Hurry();
      return End(end_signal_, kill_after_);
    }
    switch (order.kind) {
      case Order::kSignal: return Pass(order.signal);
      case Order::kEnd: drain_.Hurry(); return End(order.signal, order.time);
      case Order::kPause:
        StopClock(order.signal != 0);
        if (phase_ >= kEnding || paused_at_ != 0) return;
        paused_at_ = bare::Now();
        return StopAll();
      case Order::kGo: return;
      case Order::kResume: return Resume();
    }
  }

  void Resume() {
    StopClock(false);
    // Silence counts only while it runs.
    if (paused_at_ != 0) written_at_ += bare::Now() - paused_at_;
    paused_at_ = 0;
    scanner_.FindDescendants(getpid());
    for (uint32_t i = 0; i < scanner_.count(); i++) ProcessScanner::Signal(scanner_[i], SIGCONT);
    if (scanner_.blind()) kill(target_, SIGCONT);
  }

  // Passes a signal on to the command.
  void Pass(int signal) {
    const bool ends = signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
    if (command_ <= 0) {
      if (ends) drain_.Hurry();
      return;
    }
    // What continues us does not continue what a limit has paused, although a shell has done just that.
    if (paused_at_ != 0 && signal == SIGCONT) return StopAll();
    const pid_t target = own_process_group_ ? -command_ : command_;
    if (kill(target, signal) != 0) kill(command_, signal);
    if (!ends) return;
    // A paused command could not end, so it is resumed.
    if (paused_at_ != 0) return Resume();
    // A stopped process receives it only once it continues.
    kill(target, SIGCONT);
  }

  // ---- ending

  void End(int signal, uint64_t kill_after) {
    const uint64_t now = bare::Now();
    const uint64_t kill_at = Later(now, kill_after);
    if (phase_ >= kEnding) {
      if (kill_at < kill_at_) kill_at_ = kill_at;
    } else {
      kill_at_ = kill_at;
      scan_interval_ = kFirstScanInterval;
    }
    if (phase_ != kKilling) phase_ = kEnding;
    paused_at_ = 0;
    // A different signal is sent to every process again.
    if (signal != end_signal_sent_) scanner_.ForgetSignaled();
    end_signal_sent_ = signal;
    next_at_ = now;
  }

  // Does everything that is due now.
  void Advance() {
    const uint64_t now = bare::Now();
    if (phase_ == kRunning || now < next_at_) return;
    if (phase_ == kLingering) End(end_signal_, kill_after_);
    if (phase_ == kEnding && now >= kill_at_) phase_ = kKilling;
    if (phase_ == kKilling)
      KillAll();
    else
      SignalAll();
    // A dead process is reaped at once, unless a debugger has not yet waited for it.
    held_ = scanner_.only_dead() ? held_ + 1 : 0;
    if (held_ >= kRefusals) gave_up_ = true;
    next_at_ = bare::Now() + scan_interval_;
    if (next_at_ > kill_at_ && phase_ == kEnding) next_at_ = kill_at_;
    scan_interval_ = scan_interval_ * 2 > kLastScanInterval ? kLastScanInterval : scan_interval_ * 2;
  }

  // Sends the signal once to each process: some programs react differently to a second one.
  void SignalAll() {
    if (scanner_.blind()) return SignalBlindly();
    scanner_.FindDescendants(getpid());
    for (uint32_t i = 0; i < scanner_.count(); i++) {
      const ProcessScanner::ProcessEntry& each = scanner_[i];
      if (!scanner_.WasSignaled(i)) {
        scanner_.SetSignaled(i);
        ended_++;
        ProcessScanner::Signal(each, end_signal_sent_);
        if (end_signal_sent_ == SIGKILL) killed_ = true;
      }
      // A stopped process cannot act on the signal until it continues.
      ProcessScanner::Signal(each, SIGCONT);
    }
  }

  // Stops processes until a scan finds no running one: stopped processes cannot fork.
  void StopAll() {
    for (uint32_t round = 0; round < kStopRounds; round++) {
      bool new_ones = false;
      scanner_.FindDescendants(getpid());
      for (uint32_t i = 0; i < scanner_.count(); i++) {
        if (scanner_[i].state != 'T' && ProcessScanner::Signal(scanner_[i], SIGSTOP)) new_ones = true;
      }
      if (!new_ones) return;
    }
  }

  // Without a scanner only the command's process group and the control group are known; other processes escape.
  void SignalBlindly() {
    ended_ = 1;
    if (signaled_blindly_ != end_signal_sent_) kill(target_, end_signal_sent_);
    signaled_blindly_ = end_signal_sent_;
    kill(target_, SIGCONT);
  }

  void KillBlindly() {
    ended_ = 1;
    killed_ = true;
    group_.Kill();
    // Processes outside both groups cannot be found and may outlive this one.
    refusals_ = kill(target_, SIGKILL) != 0 && errno == ESRCH ? refusals_ + 1 : 0;
    gave_up_ = refusals_ >= kRefusals;
  }

  void KillAll() {
    if (scanner_.blind()) return KillBlindly();
    scanner_.FindDescendants(getpid());
    const uint32_t before = scanner_.count();
    for (uint32_t i = 0; i < before; i++) {
      if (!scanner_.WasSignaled(i)) ended_++;
      scanner_.SetSignaled(i);
    }
    // Even if none was found: the kernel also knows members that /proc does not show.
    const bool by_group = group_.Kill();
    if (before == 0) return;
    killed_ = true;
    if (!by_group) StopAll();
    // Processes outside the group too, because a process may have left it.
    uint32_t refused = 0;
    scanner_.FindDescendants(getpid());
    for (uint32_t i = 0; i < scanner_.count(); i++) {
      if (!ProcessScanner::Signal(scanner_[i], SIGKILL) && errno == EPERM) refused++;
    }
    refusals_ = refused > 0 && refused == scanner_.count() ? refusals_ + 1 : 0;
    gave_up_ = refusals_ >= kRefusals;
  }

  Drain drain_;
  const int end_signal_;
  const uint64_t kill_after_;
  const uint64_t idle_;
  const bool dry_run_;
  const bool keep_;
  const bool own_process_group_;
  int control_ = -1;
  pid_t command_ = 0;
  pid_t target_ = 0;  // the command, or its process group
  int end_watch_ = -1;
  int signaled_blindly_ = 0;

  Phase phase_ = kRunning;
  uint64_t paused_at_ = 0;  // 0 while it is not paused
  bool idle_reported_ = false;
  bool is_empty_ = false;
  uint64_t written_at_ = 0;
  uint64_t next_at_ = kNever;
  uint64_t kill_at_ = kNever;
  uint64_t timeout_at_ = kNever;
  uint64_t held_until_ = kNever;   // when the command counts as ended, if nothing else has reported its end by then
  uint64_t clock_stopped_at_ = 0;  // 0 while the clock of the timeout runs
  uint64_t scan_interval_ = kFirstScanInterval;
  int end_signal_sent_ = 0;
  uint32_t ended_ = 0;
  bool killed_ = false;
  uint32_t refusals_ = 0;
  uint32_t held_ = 0;  // consecutive scans that found only dead processes
  bool gave_up_ = false;

  // Large members come last, because each access to a member behind them takes three bytes more.
  int shared_[SpawnSpec::kMostShared];  // extra descriptors for the command, open until it has started
  ProcessScanner scanner_;
  CommandGroup group_;
  Relay relays_[2];
};

}  // namespace

void BecomeSupervisor(const SpawnSpec& spec, const char** shell_arguments, const CommandGroup& group, int control) {
  Supervisor supervisor(spec, group);
  const bool started = supervisor.Start(spec, shell_arguments, control);
  if (started) supervisor.Run();
  supervisor.RemoveGroup();
  _exit(0);
}

}  // namespace tripline
