#include "scripted_system/system.h"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <utility>

#include "check.h"
#include "port/fatal_signal.h"
#include "port/log_file.h"
#include "port/memory_lock.h"
#include "port/spawn.h"
#include "port/watchdog_sinks.h"

namespace tripline {
namespace test {
namespace {

// A mistake that would hang the test, or destroy what is in use, ends the program.
void Require(bool good, const char* what) {
  if (good) return;
  Fail(__FILE__, __LINE__, what, "false", "true");
  abort();
}

// ---- threads: real ones, of which only that with the baton runs

struct Thread {
  enum State : uint8_t { kReady, kWaiting, kAtDoor };
  State state = kReady;
  bool sampling = false;
  void (*body)(void*) = nullptr;
  void* argument = nullptr;
};

pthread_mutex_t baton_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t baton_passed = PTHREAD_COND_INITIALIZER;
Thread test_thread;
Thread* runs = &test_thread;         // has the baton
std::vector<Thread*> threads_alive;  // without the test's
thread_local Thread* self = &test_thread;
int locks_held = 0;  // by the thread that runs

void PassBaton(Thread* to) {
  pthread_mutex_lock(&baton_lock);
  runs = to;
  pthread_cond_broadcast(&baton_passed);
  while (runs != self) pthread_cond_wait(&baton_passed, &baton_lock);
  pthread_mutex_unlock(&baton_lock);
}

// Gives the baton back to the test.
void Park(Thread::State state) {
  Require(locks_held == 0, "a thread waits with a lock held");
  self->state = state;
  PassBaton(&test_thread);
  self->state = Thread::kReady;
}

void* ThreadMain(void* raw) {
  self = static_cast<Thread*>(raw);
  pthread_mutex_lock(&baton_lock);
  while (runs != self) pthread_cond_wait(&baton_passed, &baton_lock);
  pthread_mutex_unlock(&baton_lock);
  self->body(self->argument);
  Require(locks_held == 0, "a thread ends with a lock held");
  threads_alive.erase(std::find(threads_alive.begin(), threads_alive.end(), self));
  delete self;
  pthread_mutex_lock(&baton_lock);
  runs = &test_thread;
  pthread_cond_broadcast(&baton_passed);
  pthread_mutex_unlock(&baton_lock);
  return nullptr;
}

// ---- state

uint64_t clock_now = 1000 * kSecond;
uint64_t suspended = 0;
thread_local uint64_t cpu_time = 0;
bool door_open = true;

struct WaiterState {
  bool open = false;
  bool woken = false;
  bool interrupted = false;
  bool exact = false;
  uint64_t deadline = kNever;
  int wakes = 0;
  std::vector<PushTrigger*> watched;
  std::vector<PushTrigger*> fired;
};
WaiterState waiter;

MetricScript scripts[kMetricCount];
std::vector<ReadRecord> read_records;
std::vector<WriteRecord> written;
std::vector<uint64_t> sent;
std::vector<MemoryRange> locked;
thread_local uint64_t slack = 50000;
int files_alive = 0, files_locked = 0;
void (*note_signal)(int signal, const char* name) = nullptr;
int probes_alive = 0, triggers_alive = 0, triggers_made = 0;
double triggers_line = 0;

// A counter that grows with the clock at the script's share.
struct Counter {
  uint64_t at = 0;
  double sum = 0;
};
Counter counters[kMetricCount];

double CounterOf(uint32_t metric) {
  Counter* counter = &counters[metric];
  MetricScript* script = &scripts[metric];
  counter->sum += ToSeconds(clock_now - counter->at) * script->share + script->jump;
  script->jump = 0;
  counter->at = clock_now;
  return counter->sum;
}

class ScriptedProbe final : public Probe {
 public:
  explicit ScriptedProbe(const char* name) : name_(name), blocking_(System::blocking) { probes_alive++; }
  ~ScriptedProbe() override { probes_alive--; }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    read_records.push_back({clock_now, wanted, name_});
    if (blocking_ && !door_open) Park(Thread::kAtDoor);
    for (uint32_t i = 0; i < kMetricCount; i++) {
      if ((wanted >> i & 1) == 0) continue;
      MetricScript& script = scripts[i];
      const auto metric = static_cast<Metric>(i);
      clock_now += script.cost + std::exchange(script.delay, 0);
      cpu_time += script.cpu;
      if (script.during) script.during();
      if (script.failing) {
        SetUnavailable(MaskOf(metric), "scripted failure", out);
      } else if (InfoOf(metric).kind == kLevel) {
        out->SetLevel(metric, script.level);
      } else {
        SetPair(metric, script.still ? 0 : CounterOf(i), script.still ? 0 : ToSeconds(clock_now), out);
      }
    }
  }
  const char* Origin(Metric) const override { return "script"; }
  double MaxSlope(Metric metric) const override { return scripts[static_cast<uint32_t>(metric)].slope; }
  double Ceiling(Metric metric) const override { return scripts[static_cast<uint32_t>(metric)].ceiling; }
  bool blocking() const override { return blocking_; }

 private:
  const std::string name_;
  const bool blocking_;
};

class ScriptedTrigger final : public PushTrigger {
 public:
  ScriptedTrigger() { triggers_alive++; }
  ~ScriptedTrigger() override {
    triggers_alive--;
    const auto& watched = waiter.watched;
    Require(std::find(watched.begin(), watched.end(), this) == watched.end(), "a trigger ends that is still watched");
  }
  intptr_t handle() const override { return 0; }
  uint32_t readiness() const override { return 0; }
  bool Acknowledge() override { return !System::drop_triggers; }
};

// Lets each thread run that can, until none can.
void RunReady() {
  for (bool again = true; again;) {
    again = false;
    for (size_t i = 0; i < threads_alive.size(); i++) {
      Thread* each = threads_alive[i];
      const bool due = waiter.woken || !waiter.fired.empty() || waiter.interrupted || clock_now >= waiter.deadline;
      if (each->state == Thread::kWaiting && !due) continue;
      if (each->state == Thread::kAtDoor && !door_open) continue;
      PassBaton(each);
      again = true;
      break;
    }
  }
}

}  // namespace

bool System::real_time = false;
uint64_t System::timer_slack = 1;
int System::cpu_clock_reads = 0, System::sleep_clock_reads = 0;
int System::lockable = System::kLockable;
int System::flushes = 0;
int64_t System::waiting_root;
bool System::refuse_threads, System::refuse_waiter, System::no_probe, System::blocking, System::refuse_triggers,
    System::refuse_watch, System::drop_triggers, System::refuse_writes;

void System::Reset() {
  // Reads meet on a grid of the clock, so each test begins on a whole second.
  clock_now = (clock_now + kSecond - 1) / kSecond * kSecond;
  waiting_root = 0;
  refuse_threads = refuse_waiter = no_probe = blocking = refuse_triggers = refuse_watch = drop_triggers = false;
  refuse_writes = false;
  timer_slack = 1;
  cpu_clock_reads = sleep_clock_reads = 0;
  for (MetricScript& each : scripts) each = MetricScript();
  for (Counter& each : counters) each = Counter{clock_now, 0};
  read_records.clear();
  written.clear();
  sent.clear();
  lockable = kLockable;
  flushes = 0;
  triggers_made = 0;
  waiter.wakes = 0;
  door_open = true;
}

uint64_t System::now() { return clock_now; }

void System::Settle() { RunReady(); }

void System::Run(uint64_t time) {
  const uint64_t end = clock_now + time;
  RunReady();
  while (waiter.open && waiter.deadline <= end) {
    clock_now = std::max(clock_now, waiter.deadline);
    RunReady();
  }
  clock_now = std::max(clock_now, end);
}

void System::StandStill(uint64_t time, bool interrupted) {
  RunReady();
  clock_now += time;
  waiter.interrupted = interrupted;
  RunReady();
}

void System::Suspend(uint64_t time) { suspended += time; }
void System::Delay(uint64_t time) { clock_now += time; }

void System::CloseDoor() { door_open = false; }
void System::OpenDoor() { door_open = true; }
int System::threads() { return static_cast<int>(threads_alive.size()); }
int System::waiting() {
  return static_cast<int>(std::count_if(threads_alive.begin(), threads_alive.end(),
                                        [](const Thread* each) { return each->state == Thread::kAtDoor; }));
}
bool System::waiter_open() { return waiter.open; }
uint64_t System::deadline() { return waiter.deadline; }
bool System::exact() { return waiter.exact; }
int System::wakes() { return waiter.wakes; }

MetricScript& System::Of(Metric metric) {
  // What has passed counts at the share until now.
  CounterOf(static_cast<uint32_t>(metric));
  return scripts[static_cast<uint32_t>(metric)];
}
int System::probes() { return probes_alive; }
std::vector<ReadRecord>& System::reads() { return read_records; }
const std::vector<WriteRecord>& System::writes() { return written; }
const std::vector<uint64_t>& System::notices() { return sent; }
int System::files() { return files_alive; }
int System::locked_files() { return files_locked; }
void System::Signal(int signal, const char* name) {
  if (note_signal != nullptr) note_signal(signal, name);
}
int System::locked_ranges() { return static_cast<int>(locked.size()); }
int System::ReadsOf(Metric metric) {
  return static_cast<int>(std::count_if(read_records.begin(), read_records.end(), [metric](const ReadRecord& each) {
    return (each.metrics & MaskOf(metric)) != 0;
  }));
}

int System::triggers() { return triggers_alive; }
int System::watched() { return static_cast<int>(waiter.watched.size()); }
int System::made() { return triggers_made; }
double System::line() { return triggers_line; }
void System::Fire() { waiter.fired = waiter.watched; }

}  // namespace test

using namespace test;

// ---- platform.h

uint64_t MonotonicNow() { return clock_now; }
uint64_t SuspendedTotal(uint64_t now) {
  System::sleep_clock_reads++;
  return suspended + (clock_now - now);
}
uint64_t ThreadCpuNow() {
  System::cpu_clock_reads++;
  return cpu_time;
}

namespace {
struct MutexState {
  const Thread* owner = nullptr;
};
}  // namespace

Mutex::Mutex() { os_.Make<MutexState>(); }
void Mutex::Lock() {
  auto& lock = os_.As<MutexState>();
  Require(lock.owner == nullptr, "a lock is taken that is held");
  lock.owner = self;
  locks_held++;
}
void Mutex::Unlock() {
  auto& lock = os_.As<MutexState>();
  Require(lock.owner == self, "a lock is released that is not held");
  lock.owner = nullptr;
  locks_held--;
}

bool StartThread(void (*body)(void*), void* argument, const char* name, bool) {
  if (System::refuse_threads) return false;
  auto* thread = new Thread;
  thread->body = body;
  thread->argument = argument;
  thread->sampling = std::string(name) == "tripline";
  threads_alive.push_back(thread);
  pthread_t ignored;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  Require(pthread_create(&ignored, &attributes, ThreadMain, thread) == 0, "a thread of the test starts");
  pthread_attr_destroy(&attributes);
  return true;
}

void PreferPunctuality() { slack = System::timer_slack; }
Punctuality ObtainedPunctuality() {
  Punctuality obtained;
  obtained.timer_slack = slack;
  obtained.real_time = System::real_time;
  return obtained;
}
bool SetRealTime(bool on) {
  test::System::real_time = on;
  return true;
}
void* FindInHost(const char*) { return nullptr; }
void* FindInHost(const char*, Failure*) { return nullptr; }
void PinLibrary() {}

Waiter::Waiter() {}
bool Waiter::Open(Failure* why) {
  Require(!waiter.open, "the waiter is opened once");
  if (System::refuse_waiter) why->Set("scripted refusal");
  waiter.open = !System::refuse_waiter;
  waiter.woken = false;
  waiter.deadline = 0;
  return waiter.open;
}
void Waiter::Close() {
  Require(waiter.open, "the waiter is open when it is closed");
  Require(waiter.watched.empty(), "nothing is watched when the waiter is closed");
  waiter.open = false;
}
bool Waiter::Watch(PushTrigger* trigger) {
  Require(waiter.open, "the waiter is open when a trigger is watched");
  if (!System::refuse_watch) waiter.watched.push_back(trigger);
  return !System::refuse_watch;
}
void Waiter::Unwatch(PushTrigger* trigger) {
  waiter.watched.erase(std::find(waiter.watched.begin(), waiter.watched.end(), trigger));
}
uint32_t Waiter::Wait(uint64_t deadline, bool exact, PushTrigger** fired, bool* interrupted) {
  waiter.deadline = deadline;
  waiter.exact = exact;
  // Without a pause, time does not pass either: a thread that never pauses would never end.
  static int unpaused = 0;
  unpaused = waiter.woken || clock_now >= deadline ? unpaused + 1 : 0;
  Require(unpaused < 1000, "the thread waits now and then");
  if (unpaused == 0) Park(Thread::kWaiting);
  waiter.woken = false;
  waiter.deadline = kNever;
  *interrupted = std::exchange(waiter.interrupted, false);
  const auto count = static_cast<uint32_t>(std::min<size_t>(waiter.fired.size(), kMostFired));
  std::copy_n(waiter.fired.begin(), count, fired);
  waiter.fired.clear();
  return count;
}
void Waiter::Wake() {
  Require(waiter.open, "the waiter is open when it is woken");
  waiter.woken = true;
  waiter.wakes++;
}

// ---- probe.h, push_trigger.h

// So that there are metrics that it never has.
const Systems kThisSystem = kWindows;
const char* WhyMissing(Metric) { return "scripted absence"; }

Probe* MakeProbe(Family, const Selector& selector, Failure* why) {
  if (!System::no_probe) return new ScriptedProbe(selector.name);
  why->Set("scripted absence");
  return nullptr;
}

uint32_t MakePushTriggers(Metric, const char*, double enter, bool, PushTrigger** out, Failure* why) {
  triggers_made++;
  triggers_line = enter;
  if (System::refuse_triggers) {
    why->Set("scripted refusal");
    return 0;
  }
  for (uint32_t i = 0; i < kMostPushTriggers; i++) out[i] = new ScriptedTrigger;
  return kMostPushTriggers;
}

// ---- files and sinks: what is written to them, and when

// The handle is 1 while the file is locked, and 2 afterwards.
LogFile::~LogFile() {
  Unlock();
  if (handle_ > 0) files_alive--;
}
bool LogFile::Create(const char*, const void*, size_t, Failure*) {
  handle_ = 1;
  files_alive++;
  files_locked++;
  return true;
}
bool LogFile::Write(uint64_t offset, const void* bytes, size_t size, Failure* why) const {
  const bool helper = self != &test_thread && !self->sampling;
  if (helper && !door_open) Park(Thread::kAtDoor);
  if (System::refuse_writes) {
    if (why != nullptr) why->Set("scripted refusal");
    return false;
  }
  written.push_back({clock_now, offset, std::string(static_cast<const char*>(bytes), size)});
  return true;
}
void LogFile::Unlock() {
  if (handle_ == 1) files_locked--, handle_ = 2;
}
void LogFile::Flush() { System::flushes++; }

int OpenNoticeSocket(int* socket) {
  *socket = 3;
  return 0;
}
int SendNotice(int, const char*, size_t, const char*, size_t) {
  sent.push_back(clock_now);
  return 0;
}

// ---- memory that is locked

MemoryRange OwnImage() { return {&locked, 1}; }
MemoryRange OwnStack(const void* frame) { return {frame, 1}; }
bool LockMemory(MemoryRange range, Failure* why) {
  if (static_cast<int>(locked.size()) >= System::lockable) {
    why->Set("scripted limit");
    return false;
  }
  if (range.size > 0) locked.push_back(range);
  return true;
}
void UnlockMemory(MemoryRange range) {
  const auto same = [range](const MemoryRange& each) { return each.start == range.start; };
  locked.erase(std::remove_if(locked.begin(), locked.end(), same), locked.end());
}

// ---- signals

void WatchFatalSignals(void (*note)(int, const char*)) { note_signal = note; }
void UnwatchFatalSignals() { note_signal = nullptr; }

// ---- what these tests do not use: there are no devices and commands

double WallNow() { return ToMilliseconds(clock_now); }
uint32_t DeviceTimeout(int) { return 0; }
int WriteToDevice(int, char) { return ENOSYS; }
void CloseSink(int) {}

bool IsWaitingRoot(int64_t pid) { return test::System::waiting_root == pid; }

}  // namespace tripline
