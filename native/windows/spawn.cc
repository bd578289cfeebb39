// A command in a job object: nothing that it starts can leave the job, and the kernel ends the job with this process.
// The thread in Next() does all the work; other threads send it orders.
#include "port/spawn.h"

#include "port/drain.h"
#include "port/platform.h"
#include "util/counter.h"
#include "windows/close_request.h"
#include "windows/job.h"
#include "windows/launch.h"
#include "windows/relay.h"
#include "windows/streams.h"

namespace tripline {
namespace {

// On Windows no process dies of a signal. A terminated process exits with this code, which is reported as SIGKILL. A
// process without a handler for Ctrl-Break exits with STATUS_CONTROL_C_EXIT, which is reported as the signal that the
// Ctrl-Break stood for.
constexpr int kKillSignal = 9;
constexpr DWORD kKilledCode = 128 + kKillSignal;
constexpr DWORD kControlCode = 0xC000013A;

// Whether a signal requests an end, by Node's numbers: SIGHUP, SIGINT, SIGTERM, SIGBREAK.
bool IsRequestToEnd(int signal) { return signal == 1 || signal == 2 || signal == 15 || signal == 21; }

// The sources of packets at the completion port.
enum Key : ULONG_PTR { kOfJob = 1, kOfOrder, kOfExit, kOfRelay };

struct Order {
  enum Kind : uint8_t { kGo, kSignal, kEnd, kPause, kResume };
  Kind kind;
  int signal;     // kPause: not 0 if the timeout stands still meanwhile
  uint64_t time;  // kGo: the timeout; kEnd: from the request to the end by force
};

class WindowsCommand final : public Command {
 public:
  explicit WindowsCommand(const SpawnSpec& spec)
      : end_signal_(spec.end_signal),
        kill_after_(spec.kill_after),
        idle_(spec.idle),
        foreground_(spec.foreground),
        dry_run_(spec.dry_run) {}

  ~WindowsCommand() override {
    ForgetJob(pid);
    if (exit_wait_ != nullptr) UnregisterWaitEx(exit_wait_, INVALID_HANDLE_VALUE);
    for (Relay& relay : relays_) relay.Stop();
    Packet packet;
    while (port_ != nullptr && Take(0, &packet)) delete packet.order;
    if (process_ != nullptr) CloseHandle(process_);
    if (thread_ != nullptr) CloseHandle(thread_);
    if (port_ != nullptr) CloseHandle(port_);
  }

  bool Begin(const SpawnSpec& spec, SpawnFailure* why) {
    why->kind = SpawnFailure::kOther;
    port_ = CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
    if (port_ == nullptr) {
      SetWinError("CreateIoCompletionPort", "", GetLastError(), "", &why->why);
      return false;
    }
    if (!job_.Open(port_, kOfJob, &why->why)) return false;
    HANDLE streams[3] = {};
    Launched launched;
    const bool started = OpenStreams(spec, streams, &why->why) && Launch(spec, job_, streams, &launched, why);
    for (const HANDLE each : streams) {
      if (each != nullptr) CloseHandle(each);
    }
    if (!started) return false;
    process_ = launched.process;
    thread_ = launched.thread;
    pid = root = launched.pid;
    lstrcpyA(group, "a job object");
    // The job ends with this object, so a failure from here on leaves no process behind.
    const bool watched =
        RegisterWaitForSingleObject(&exit_wait_, process_, NotifyExit, port_, INFINITE, WT_EXECUTEONLYONCE) &&
        relays_[0].Start() && relays_[1].Start();
    if (watched)
      RememberJob(pid, job_.get());
    else
      SetWinError("RegisterWaitForSingleObject", "", GetLastError(), "", &why->why);
    return watched;
  }

  bool Next(CommandEvent* event) override {
    if (done_) return false;
    *event = CommandEvent();
    for (;;) {
      event->at = MonotonicNow();
      if (__atomic_load_n(&abandoned_, __ATOMIC_ACQUIRE)) {
        job_.Terminate(kKilledCode);
        return false;
      }
      if (!exited_ && WaitForSingleObject(process_, 0) == WAIT_OBJECT_0) {
        ReportExited(event);
        return true;
      }
      JobUsage usage;
      ReadJobUsage(job_.get(), &usage);
      is_empty_ = exited_ && usage.active == 0;
      if (is_empty_ && (!HasOutput() || drain_.IsOver(MonotonicNow(), WrittenAt()))) {
        ReportGone(usage, event);
        return true;
      }
      if (CheckTime(event) || Start(event)) return true;
      if (!is_empty_) Advance();
      Wait();
    }
  }

  void Signal(int signal) override { Give({Order::kSignal, signal, 0}); }
  void End(int signal, uint64_t kill_after) override { Give({Order::kEnd, signal, kill_after}); }
  void Go(uint64_t timeout) override { Give({Order::kGo, 0, timeout}); }
  void Pause(bool stops_clock) override { Give({Order::kPause, stops_clock ? 1 : 0, 0}); }
  void Resume() override { Give({Order::kResume, 0, 0}); }

  void Abandon() override {
    __atomic_store_n(&abandoned_, true, __ATOMIC_RELEASE);
    PostQueuedCompletionStatus(port_, 0, kOfExit, nullptr);
  }

 private:
  enum Phase { kRunning, kLingering, kEnding, kKilling };

  struct Packet {
    ULONG_PTR key = 0;
    DWORD number = 0;
    Order* order = nullptr;
  };

  // ---- starting

  bool OpenStreams(const SpawnSpec& spec, HANDLE* streams, Failure* why) {
    for (int i = 0; i < 3; i++) {
      streams[i] = OpenStream(spec.stdio[i], why);
      if (streams[i] == nullptr) return false;
    }
    if (idle_ == kNever) return true;
    for (int i = 1; i < 3; i++) {
      // The command inherits the pipe and not its target.
      const HANDLE target = streams[i];
      streams[i] = nullptr;
      SetHandleInformation(target, HANDLE_FLAG_INHERIT, 0);
      if (!relays_[i - 1].Open(target, port_, kOfRelay, &streams[i], why)) return false;
    }
    return true;
  }

  static void CALLBACK NotifyExit(void* port, BOOLEAN) { PostQueuedCompletionStatus(port, 0, kOfExit, nullptr); }

  // ---- events

  void Give(const Order& order) {
    auto* copy = new Order(order);
    if (!PostQueuedCompletionStatus(port_, 0, kOfOrder, reinterpret_cast<OVERLAPPED*>(copy))) delete copy;
  }

  bool Take(DWORD timeout, Packet* packet) {
    OVERLAPPED* carried = nullptr;
    if (!GetQueuedCompletionStatus(port_, &packet->number, &packet->key, &carried, timeout)) return false;
    packet->order = packet->key == kOfOrder ? reinterpret_cast<Order*>(carried) : nullptr;
    return true;
  }

  void Wait() {
    Packet packet;
    for (DWORD timeout = TimeToWait(); Take(timeout, &packet); timeout = 0) {
      if (packet.order != nullptr) Obey(*packet.order);
      delete packet.order;
      // A new process while the tree is suspended: suspend it too.
      if (packet.key == kOfJob && packet.number == JOB_OBJECT_MSG_NEW_PROCESS && paused_) job_.Suspend();
    }
  }

  DWORD TimeToWait() const {
    uint64_t at = is_empty_ ? drain_.End(WrittenAt()) : next_at_;
    if (SilentAt() < at) at = SilentAt();
    if (OverAt() < at) at = OverAt();
    if (at == kNever) return INFINITE;
    const uint64_t now = MonotonicNow();
    if (at <= now) return 0;
    const uint64_t ms = (at - now + kMillisecond - 1) / kMillisecond;
    return ms > 1000000 ? 1000000 : static_cast<DWORD>(ms);
  }

  uint64_t WrittenAt() const {
    uint64_t latest = written_at_;
    for (const Relay& relay : relays_) latest = relay.written_at() > latest ? relay.written_at() : latest;
    return latest;
  }

  // When it has been silent for too long; kNever while that does not count.
  uint64_t SilentAt() const {
    const bool counts = phase_ == kRunning && idle_ != kNever && !idle_reported_ && !paused_ && written_at_ != 0;
    return counts ? WrittenAt() + idle_ : kNever;
  }

  // When its time is up; kNever while its clock stands still.
  uint64_t OverAt() const { return clock_stopped_at_ == 0 ? timeout_at_ : kNever; }

  // Ends it when its time is up. True when there is something to report.
  bool CheckTime(CommandEvent* event) {
    const uint64_t now = MonotonicNow();
    const bool over = now >= OverAt();
    if (!over && now < SilentAt()) return false;
    // Once the command has ended, only output and processes that it left behind remain.
    const bool reports = phase_ == kRunning;
    if (reports) event->kind = over ? CommandEvent::kTimeout : CommandEvent::kIdle;
    idle_reported_ = true;
    if (over) timeout_at_ = kNever;
    if (!over && dry_run_) return reports;
    drain_.Hurry();
    if (phase_ < kEnding) BeginEnd(end_signal_, kill_after_);
    return reports;
  }

  void StopClock(bool stop) {
    const uint64_t now = MonotonicNow();
    if (clock_stopped_at_ != 0) timeout_at_ = Later(timeout_at_, now - clock_stopped_at_);
    clock_stopped_at_ = stop ? now : 0;
  }

  bool HasOutput() const { return relays_[0].open() || relays_[1].open(); }

  void ReportExited(CommandEvent* event) {
    exited_ = true;
    DWORD code = 0;
    GetExitCodeProcess(process_, &code);
    event->kind = CommandEvent::kExited;
    if (code == kKilledCode && by_force_)
      event->signal = kKillSignal;
    else if (code == kControlCode && asked_with_ != 0)
      event->signal = asked_with_;
    else
      event->code = static_cast<int32_t>(code);
    if (phase_ != kRunning) return;
    phase_ = kLingering;
    next_at_ = MonotonicNow() + kLeftoverTime;
  }

  void ReportGone(const JobUsage& usage, CommandEvent* event) {
    done_ = true;
    ForgetJob(pid);
    event->kind = CommandEvent::kGone;
    event->cpu = usage.cpu;
    // Counts the processes at the start of the end, and all later ones.
    event->ended = ended_ + (phase_ >= kEnding ? usage.total - total_before_ : 0);
    event->killed = killed_;
  }

  // ---- orders

  void Obey(const Order& order) {
    switch (order.kind) {
      case Order::kSignal: return Pass(order.signal);
      case Order::kEnd: drain_.Hurry(); return BeginEnd(order.signal, order.time);
      case Order::kGo:
        goes_ = true;
        timeout_at_ = Later(MonotonicNow(), order.time);
        return;
      case Order::kPause:
        StopClock(order.signal != 0);
        if (phase_ >= kEnding || paused_) return;
        paused_ = true;
        return job_.Suspend();
      case Order::kResume: return Continue();
    }
  }

  // Runs the command, which waits for its first instruction. True when it did.
  bool Start(CommandEvent* event) {
    if (!goes_ || written_at_ != 0) return false;
    written_at_ = MonotonicNow();
    ResumeThread(thread_);
    event->kind = CommandEvent::kStarted;
    return true;
  }

  void Continue() {
    StopClock(false);
    paused_ = false;
    job_.Resume();
    written_at_ = MonotonicNow();
  }

  // Passes a signal on to the command. A signal that cannot be sent terminates it, as with Node's own child processes.
  void Pass(int signal) {
    const bool asks = IsRequestToEnd(signal);
    if (exited_) {
      if (asks || signal == kKillSignal) drain_.Hurry();
      return;
    }
    if (asks && paused_) Continue();
    if (asks && !foreground_ && GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, static_cast<DWORD>(pid))) {
      asked_with_ = signal;
    } else if (asks || signal == kKillSignal) {
      by_force_ = true;
      TerminateProcess(process_, kKilledCode);
    }
  }

  // ---- ending

  void BeginEnd(int signal, uint64_t kill_after) {
    const uint64_t now = MonotonicNow();
    const uint64_t kill_at = Later(now, kill_after);
    if (phase_ < kEnding) {
      JobUsage usage;
      ReadJobUsage(job_.get(), &usage);
      list_.Read(job_.get());
      ended_ = static_cast<uint32_t>(SaturatingDifference(usage.active, CountConsoleHosts(list_)));
      total_before_ = usage.total;
      kill_at_ = kill_at;
      phase_ = kEnding;
      scan_interval_ = kFirstScanInterval;
    } else if (kill_at < kill_at_) {
      kill_at_ = kill_at;
    }
    // A suspended process cannot act on the request.
    if (paused_) Continue();
    if (signal == kKillSignal) phase_ = kKilling;
    next_at_ = now;
    if (phase_ == kKilling || signal == asked_all_with_) return;
    asked_all_with_ = signal;
    list_.Read(job_.get());
    if (request_.Ask(list_, foreground_ ? 0 : static_cast<DWORD>(pid))) asked_with_ = signal;
  }

  // Does what is due now.
  void Advance() {
    const uint64_t now = MonotonicNow();
    if (phase_ == kRunning || now < next_at_) return;
    if (phase_ == kLingering) BeginEnd(end_signal_, kill_after_);
    // If no process has received the request, there is nothing to wait for.
    const bool may_end = list_.Read(job_.get()) && request_.MayStillEnd(list_);
    if (phase_ == kEnding && (now >= kill_at_ || !may_end)) phase_ = kKilling;
    if (phase_ == kKilling && list_.count() > 0) {
      by_force_ = true;
      killed_ = true;
      job_.Terminate(kKilledCode);
    }
    next_at_ = now + scan_interval_;
    if (next_at_ > kill_at_ && phase_ == kEnding) next_at_ = kill_at_;
    scan_interval_ = scan_interval_ * 2 > kLastScanInterval ? kLastScanInterval : scan_interval_ * 2;
  }

  const int end_signal_;
  const uint64_t kill_after_;
  const uint64_t idle_;
  const bool foreground_;
  const bool dry_run_;
  HANDLE port_ = nullptr;
  HANDLE process_ = nullptr;
  HANDLE thread_ = nullptr;  // its first
  HANDLE exit_wait_ = nullptr;
  Job job_;
  JobList list_;
  CloseRequest request_;
  Relay relays_[2];
  Drain drain_;
  bool abandoned_ = false;  // set by a thread other than the one in Next()

  Phase phase_ = kRunning;
  bool goes_ = false;
  bool exited_ = false;
  bool done_ = false;
  bool paused_ = false;
  bool idle_reported_ = false;
  bool is_empty_ = false;
  uint64_t written_at_ = 0;  // 0 until it runs
  uint64_t next_at_ = kNever;
  uint64_t kill_at_ = kNever;
  uint64_t timeout_at_ = kNever;
  uint64_t clock_stopped_at_ = 0;  // 0 while the clock of the timeout runs
  uint64_t scan_interval_ = kFirstScanInterval;
  int asked_with_ = 0;      // the signal that the last Ctrl-Break to the command stood for
  int asked_all_with_ = 0;  // the signal that the last request to the whole tree stood for
  uint32_t ended_ = 0, total_before_ = 0;
  bool by_force_ = false;
  bool killed_ = false;
};

}  // namespace

Command* Command::Prepare(const SpawnSpec& spec, SpawnFailure* why) {
  auto* command = new WindowsCommand(spec);
  if (command->Begin(spec, why)) return command;
  delete command;
  return nullptr;
}

// The root is the command itself.
bool IsCommandRoot(int64_t) { return false; }
bool IsWaitingRoot(int64_t) { return false; }

void ReapAdopted() {}

}  // namespace tripline
