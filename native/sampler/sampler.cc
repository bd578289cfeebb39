#include "sampler/sampler.h"

#include <algorithm>
#include <utility>

#include "port/memory_lock.h"

namespace tripline {
namespace {

// The thread stays this long after its last user is gone, so that a loop that makes and closes guards does not start a
// thread for each.
constexpr uint64_t kLinger = 50 * kMillisecond;

constexpr uint64_t kClockEvery = 16;  // wake-ups between two reads of the thread's CPU clock

// How much the sleep clock may grow without it being a suspend: the two clocks are not read at one instant.
constexpr uint64_t kSuspendNoise = 50 * kMillisecond;

// How often to check for a suspend. Reading the clock costs as much as the rest of a pass, and during a suspend the
// elapsed time and most counters stand still too, so values are hardly affected before the check.
constexpr uint64_t kSuspendEvery = kSecond;

constexpr char kNoThread[] = "no sampling thread";

// Locks all ranges or none: if the limit is too small for all of them, it is left to the rest of the process.
template <size_t kCount>
void LockAll(const MemoryRange (&ranges)[kCount], Failure* why) {
  for (const MemoryRange& each : ranges) {
    if (!LockMemory(each, why)) break;
  }
  if (!why->failed()) return;
  for (const MemoryRange& each : ranges) UnlockMemory(each);
}

}  // namespace

Sampler::Sampler() { unlocked_.Set(kNoThread); }

Sampler* Sampler::Get() {
  // Never destroyed: process.exit() runs static destructors while the thread lives.
  static Sampler* const sampler = new Sampler;
  return sampler;
}

// ---- the thread ----------------------------------------------------------------------------------------------------

bool Sampler::EnsureThread(Failure* why) {
  idle_since_ = 0;
  if (!running_) {
    if (!waiter_.Open(why)) return false;
    running_ = StartThread(ThreadBody, this, "tripline");
    if (!running_) {
      waiter_.Close();
      why->Set("the sampling thread could not be started (at the limit of threads?)");
      return false;
    }
    monitor_.set_running(true);
    // As if it had been woken now.
    sleeping_until_ = MonotonicNow();
    return true;
  }
  WakeBy(0);
  return true;
}

void Sampler::ThreadBody(void* self) {
  PreferPunctuality();
  const char frame = 0;
  static_cast<Sampler*>(self)->Loop(&frame);
}

void Sampler::WakeFromHelper(void* self) {
  auto* sampler = static_cast<Sampler*>(self);
  sampler->lock_.AssertHeld();
  sampler->WakeBy(0);
}

void Sampler::WakeBy(uint64_t due) {
  if (!running_ || due >= sleeping_until_) return;
  sleeping_until_ = std::min(sleeping_until_, MonotonicNow());
  waiter_.Wake();
}

void Sampler::WakeIfIdle() {
  if (Idle()) WakeBy(0);
}

Feed* Sampler::FeedOf(uint32_t subscription) { return monitor_.FeedOf(subscription); }

const Guard* Sampler::GuardOf(uint32_t guard) {
  lock_.AssertHeld();
  return monitor_.GuardOf(guard);
}

bool Sampler::Idle() const {
  return monitor_.idle() && tickers_.empty() && recorders_.empty() && flight_logs_.empty() && watchdog_.idle();
}

void Sampler::Loop(const void* frame) {
  const MemoryRange needed[] = {OwnImage(), OwnStack(frame), {this, sizeof(*this)}};
  Failure unlocked;
  LockAll(needed, &unlocked);
  lock_.Lock();
  unlocked_ = unlocked;
  uint64_t now = Awake(false);
  suspended_ = SuspendedTotal(now);
  governor_.Begin(now, ThreadCpuNow());
  real_time_asked_ = false;
  punctuality_ = ObtainedPunctuality();
  for (;;) {
    bool exact = false;
    uint64_t deadline = Pass(now, &exact);
    if (Idle()) {
      if (idle_since_ == 0) idle_since_ = now;
      if (now - idle_since_ < kLinger) {
        deadline = std::min(deadline, idle_since_ + kLinger);
      } else if (regions_.Rest()) {
        break;
      }
    }
    if (tickers_.real_time() != real_time_asked_) FollowRealTime();
    sleeping_until_ = deadline;
    standstill_.Sleep(now, MonotonicNow());
    lock_.Unlock();
    PushTrigger* rung[Waiter::kMostFired];
    bool interrupted = false;
    const uint32_t rings = waiter_.Wait(deadline, exact, rung, &interrupted);
    lock_.Lock();
    wakeups_++;
    now = Awake(interrupted);
    monitor_.Acknowledge(rung, rings);
    if (wakeups_ % kClockEvery == 0) cpu_ = ThreadCpuNow() + cpu_before_;
    if (governor_.IsDue(now)) governor_.Judge(now, ThreadCpuNow());
  }
  monitor_.Stop();
  monitor_.set_running(false);
  waiter_.Close();
  cpu_before_ += ThreadCpuNow();
  cpu_ = cpu_before_;
  running_ = false;
  // Before a new thread locks the same ranges.
  for (const MemoryRange& each : needed) UnlockMemory(each);
  unlocked_.Set(kNoThread);
  lock_.Unlock();
}

uint64_t Sampler::Pass(uint64_t now, bool* exact) {
  // Beats come first, because reads take longer than a beat may be late.
  uint64_t next_beat = tickers_.empty() ? kNever : tickers_.Beat(now);
  NoticeSuspend(now);
  const bool read = monitor_.Pass(now, governor_.stretch());
  governor_.CountWakeup(read);
  if (!recorders_.empty()) next_beat = std::min(next_beat, recorders_.Record(now));
  next_beat = std::min(next_beat, regions_.Check(now));
  uint64_t next_read = std::min(monitor_.next_due(), watchdog_.Feed(now));
  if (!flight_logs_.empty()) next_read = std::min(next_read, flight_logs_.Record(now, std::min(next_beat, next_read)));
  *exact = next_beat <= next_read;
  return std::min(next_beat, next_read);
}

uint64_t Sampler::Awake(bool interrupted) {
  const uint64_t now = MonotonicNow();
  const Standstill standstill = standstill_.Wake(now, sleeping_until_, interrupted);
  sleeping_until_ = 0;
  if (standstill.duration > 0) monitor_.Discount(standstill, now);
  return now;
}

void Sampler::NoticeSuspend(uint64_t now) {
  if (now - suspend_noticed_at_ < kSuspendEvery) return;
  suspend_noticed_at_ = now;
  uint64_t suspended = SuspendedTotal(now);
  // This thread may have been delayed since `now` was read.
  if (suspended > suspended_ + kSuspendNoise) suspended = SuspendedTotal(MonotonicNow());
  if (suspended > suspended_ + kSuspendNoise) monitor_.ForgetBaselines();
  suspended_ = suspended;
}

void Sampler::FollowRealTime() {
  real_time_asked_ = tickers_.real_time();
  SetRealTime(real_time_asked_);
  punctuality_ = ObtainedPunctuality();
}

// ---- environments --------------------------------------------------------------------------------------------------

void Sampler::AttachBoard(Environment* environment, int32_t* words, size_t count) {
  MutexLock lock(&lock_);
  const MemoryRange before = environment->board.memory();
  environment->board.Attach(words, count);
  UnlockMemory(before);
  Failure ignored;
  LockMemory(environment->board.memory(), &ignored);
}

void Sampler::AttachOperations(Environment* environment, const void* table, size_t size) {
  MutexLock lock(&lock_);
  environment->operations_size = size;
  environment->operations = table;
}

void Sampler::RemoveEnvironment(Environment* environment) {
  MutexLock lock(&lock_);
  tickers_.RemoveEnvironment(environment);
  recorders_.RemoveEnvironment(environment);
  watchdog_.RemoveEnvironment(environment);
  flight_logs_.RemoveEnvironment(environment, MonotonicNow());
  environment->operations = nullptr;
  monitor_.RemoveEnvironment(environment, MonotonicNow());
  // Its loop is freed next.
  environment->idle_clock = IdleClock();
  environment->stack.reset();
  UnlockMemory(environment->board.memory());
  environment->board.Attach(nullptr, 0);
  WakeIfIdle();
}

bool Sampler::Acknowledge(Environment* environment) {
  MutexLock lock(&lock_);
  return environment->Acknowledge(MonotonicNow());
}

News Sampler::Drain(Environment* environment) {
  MutexLock lock(&lock_);
  News news;
  for (const Guard* each : environment->undelivered) news.guards.push_back(each->id);
  news.answers.swap(environment->answered);
  news.figures = environment->figures_wanted;
  environment->Drained();
  return news;
}

void Sampler::WatchLoop(Environment* environment, const IdleClock& clock) {
  MutexLock lock(&lock_);
  environment->idle_clock = clock;
}

void Sampler::WatchStacks(Environment* environment, BlockedStack* stack) {
  MutexLock lock(&lock_);
  environment->stack.reset(stack);
}

void Sampler::TakeFigures(Environment* environment, LoopFigures figures) {
  MutexLock lock(&lock_);
  figures.at = MonotonicNow();
  environment->TakeFigures(figures);
  monitor_.Refresh(environment, figures.at);
  WakeBy(monitor_.next_due());
}

// ---- series and guards ---------------------------------------------------------------------------------------------

uint32_t Sampler::Subscribe(Environment* environment, Metric metric, const Selector& selector, uint64_t window,
                            uint32_t cell, bool must_exist, Failure* why) {
  MutexLock lock(&lock_);
  return monitor_.Subscribe(environment, metric, selector, window, cell, must_exist, MonotonicNow(), why);
}

void Sampler::Unsubscribe(uint32_t subscription) {
  MutexLock lock(&lock_);
  monitor_.Unsubscribe(subscription, MonotonicNow());
  WakeIfIdle();
}

bool Sampler::SetPeriod(uint32_t subscription, uint64_t period, Failure* why) {
  MutexLock lock(&lock_);
  if (period != kNever && !EnsureThread(why)) return false;
  monitor_.SetPeriod(subscription, period);
  WakeIfIdle();
  return true;
}

bool Sampler::NoticeFullHeap(Environment* environment, double limit) {
  MutexLock lock(&lock_);
  LoopFigures figures;
  figures.at = MonotonicNow();
  figures.idle_ms = environment->figures.idle_ms;
  figures.heap_used = limit;
  figures.heap_limit = limit;
  environment->TakeFigures(figures);
  environment->heap_full = true;
  const bool breached = monitor_.JudgeFullHeap(environment, figures.at);
  WakeBy(monitor_.next_due());
  return breached;
}

void Sampler::Hurry(int64_t pid) {
  MutexLock lock(&lock_);
  monitor_.Hurry(pid, MonotonicNow());
  WakeBy(monitor_.next_due());
}

bool Sampler::Request(Environment* environment, uint32_t request, const uint32_t* subscriptions, uint32_t count,
                      Failure* why) {
  MutexLock lock(&lock_);
  if (!EnsureThread(why)) return false;
  monitor_.Request(environment, request, subscriptions, count, MonotonicNow());
  return true;
}

uint32_t Sampler::AddGuard(Environment* environment, const GuardSpec& spec, const LimitRequest* limits, uint32_t count,
                           Failure* why) {
  MutexLock lock(&lock_);
  return EnsureThread(why) ? monitor_.AddGuard(environment, spec, limits, count, MonotonicNow()) : 0;
}

void Sampler::RemoveGuard(uint32_t guard) {
  MutexLock lock(&lock_);
  monitor_.RemoveGuard(guard);
  WakeIfIdle();
}

uint64_t Sampler::PlayGuard(uint32_t guard, uint64_t now, uint64_t gap, const double* values, size_t count) {
  MutexLock lock(&lock_);
  return monitor_.PlayGuard(guard, now, gap, values, count);
}

bool Sampler::StepCondition(uint32_t guard, uint32_t limit, double value, uint64_t late, uint64_t at) {
  MutexLock lock(&lock_);
  const bool proven = monitor_.StepCondition(guard, limit, value, late, at == 0 ? MonotonicNow() : at);
  WakeBy(monitor_.next_due());
  return proven;
}

// ---- answers -------------------------------------------------------------------------------------------------------
// These return copies: if JavaScript values were built under the lock, a garbage collection could delay the thread.

List<EvidenceCopy> Sampler::EvidenceOf(uint32_t guard) {
  MutexLock lock(&lock_);
  return monitor_.EvidenceOf(guard, MonotonicNow());
}

SubscriptionInfo Sampler::InfoOf(uint32_t subscription) {
  MutexLock lock(&lock_);
  return monitor_.InfoOf(subscription);
}

bool Sampler::CanPush(Metric metric, Failure* why) {
  MutexLock lock(&lock_);
  return CanRing(metric, why);
}

SamplerStats Sampler::Stats() {
  MutexLock lock(&lock_);
  return SamplerStats{running_,
                      wakeups_,
                      monitor_.rings(),
                      monitor_.reads(),
                      cpu_,
                      governor_.stretch(),
                      monitor_.guard_count(),
                      monitor_.limit_count(),
                      monitor_.series_count(),
                      tickers_.count(),
                      punctuality_,
                      unlocked_};
}

}  // namespace tripline
