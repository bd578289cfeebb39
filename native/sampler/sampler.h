// The sampler: one background thread per process, shared by all environments. It reads what is due, decides whether a
// limit is crossed, and notifies an environment only of edges.
//
// Every public method may be called on any JavaScript thread; each takes the one lock. The sampling thread holds it
// for a pass (microseconds) and never while it waits; sources that may block are read without it (source.h).
#pragma once

#include <cstdint>
#include <memory>

#include "port/platform.h"
#include "sampler/environment.h"
#include "sampler/flight_log.h"
#include "sampler/governor.h"
#include "sampler/host.h"
#include "sampler/monitor.h"
#include "sampler/recorder.h"
#include "sampler/regions.h"
#include "sampler/standstill.h"
#include "sampler/ticker.h"
#include "sampler/watchdog.h"
#include "util/list.h"

namespace tripline {

struct SamplerStats {
  bool running;
  uint64_t wakeups;
  uint64_t rings;  // how often push triggers fired
  uint64_t reads;
  uint64_t cpu;    // CPU time of this thread and of earlier ones, nanoseconds
  double stretch;  // the governor's factor for periods; 1 means none
  uint32_t guards;
  uint32_t limits;
  uint32_t series;
  uint32_t tickers;
  Punctuality punctuality;  // of the thread
  Failure unlocked;         // why the thread's memory is not locked; empty if it is
};

// What an environment has not fetched yet.
struct News {
  List<uint32_t> guards;
  List<uint32_t> answers;
  bool figures;  // the sampler asks for TakeFigures()
};

class Sampler : private Host {
 public:
  // The sampler of this process, made at the first call and never destroyed.
  static Sampler* Get();

  // Closes everything that the environment still has open. No notification comes afterwards.
  void RemoveEnvironment(Environment* environment) EXCLUDES(lock_);
  void AttachBoard(Environment* environment, int32_t* words, size_t count) EXCLUDES(lock_);

  // Subscribes to a series; ids are never 0. A probe that cannot block is read once, so that a level is known when this
  // returns. Returns 0 with `why` if the metric is unavailable and `must_exist` is set.
  uint32_t Subscribe(Environment* environment, Metric metric, const Selector& selector, uint64_t window, uint32_t cell,
                     bool must_exist, Failure* why) EXCLUDES(lock_);
  void Unsubscribe(uint32_t subscription) EXCLUDES(lock_);
  // The longest time between two reads that readers of this subscription accept; kNever for no readers.
  bool SetPeriod(uint32_t subscription, uint64_t period, Failure* why) EXCLUDES(lock_);

  // V8 reports that the heap of this environment has reached its limit in bytes. True if that breaches any limit.
  bool NoticeFullHeap(Environment* environment, double limit) EXCLUDES(lock_);

  // See monitor.h.
  void Hurry(int64_t pid) EXCLUDES(lock_);

  // The guard's state is on the board when this returns, as far as it can be known without waiting. Returns 0 with
  // `why` if the thread cannot be started.
  uint32_t AddGuard(Environment* environment, const GuardSpec& spec, const LimitRequest* limits, uint32_t count,
                    Failure* why) EXCLUDES(lock_);
  void RemoveGuard(uint32_t guard) EXCLUDES(lock_);
  // See monitor.h.
  uint64_t PlayGuard(uint32_t guard, uint64_t now, uint64_t gap, const double* values, size_t count) EXCLUDES(lock_);
  // `at` is the time of the check; 0 means now. Simulated guards use other times.
  bool StepCondition(uint32_t guard, uint32_t limit, double value, uint64_t late, uint64_t at) EXCLUDES(lock_);

  // Requests a notification (environment.h) once each of these subscriptions has been read again.
  bool Request(Environment* environment, uint32_t request, const uint32_t* subscriptions, uint32_t count, Failure* why)
      EXCLUDES(lock_);

  // The evidence of the guard's latest breach. `origin` stays valid while the guard does.
  List<EvidenceCopy> EvidenceOf(uint32_t guard) EXCLUDES(lock_);

  // Called when a notification of `environment` has arrived. True if there is anything to fetch: calls of Drain() and
  // Tickers::Take() follow.
  bool Acknowledge(Environment* environment) EXCLUDES(lock_);

  // Returns and clears everything that `environment` has not fetched yet.
  News Drain(Environment* environment) EXCLUDES(lock_);

  // From now on its loop is watched through this clock, until the environment is removed.
  void WatchLoop(Environment* environment, const IdleClock& clock) EXCLUDES(lock_);
  // From now on the stack of a block can be asked for. Takes over `stack`.
  void WatchStacks(Environment* environment, BlockedStack* stack) EXCLUDES(lock_);
  // What JavaScript says when it is asked for figures; `at` and `look` are filled in.
  void TakeFigures(Environment* environment, LoopFigures figures) EXCLUDES(lock_);

  SubscriptionInfo InfoOf(uint32_t subscription) EXCLUDES(lock_);

  // Tries whether the kernel pushes `metric` here. False with `why` if it does not.
  bool CanPush(Metric metric, Failure* why) EXCLUDES(lock_);

  // These run on the same thread.
  Tickers& tickers() { return tickers_; }
  Recorders& recorders() { return recorders_; }
  FlightLogs& flight_logs() { return flight_logs_; }
  Watchdog& watchdog() { return watchdog_; }
  Regions& regions() { return regions_; }

  // `words` stays valid until the end of the environment. See FlightLog.
  void AttachOperations(Environment* environment, const void* table, size_t size) EXCLUDES(lock_);

  SamplerStats Stats() EXCLUDES(lock_);

 private:
  friend class SamplerBench;  // bench/sampler/native.cc runs passes by hand to time them

  Sampler();

  static void ThreadBody(void* self);
  // Called by Source, which holds the lock.
  static void WakeFromHelper(void* self);
  // `frame` is a variable of the thread's first function.
  void Loop(const void* frame) EXCLUDES(lock_);
  // Returns when the next pass is due. `exact` is set to whether that is for a beat, which must not be late.
  uint64_t Pass(uint64_t now, bool* exact) REQUIRES(lock_);
  // The time at which the thread begins or goes on with its work. Discounts what it is late.
  uint64_t Awake(bool interrupted) REQUIRES(lock_);
  void NoticeSuspend(uint64_t now) REQUIRES(lock_);
  void FollowRealTime() REQUIRES(lock_);

  Mutex* lock() override RETURN_CAPABILITY(lock_) { return &lock_; }
  bool EnsureThread(Failure* why) override REQUIRES(lock_);
  void WakeBy(uint64_t due) override REQUIRES(lock_);
  Feed* FeedOf(uint32_t subscription) override REQUIRES(lock_);
  const Guard* GuardOf(uint32_t guard) override;

  bool Idle() const REQUIRES(lock_);
  // Wakes the thread if nothing is left to do, so that it can end.
  void WakeIfIdle() REQUIRES(lock_);

  Mutex lock_;
  Waiter waiter_;

  // The thread.
  bool running_ GUARDED_BY(lock_) = false;
  uint64_t idle_since_ GUARDED_BY(lock_) = 0;
  uint64_t sleeping_until_ GUARDED_BY(lock_) = 0;  // when it should be awake at the latest; 0 while it works
  StandstillWatch standstill_ GUARDED_BY(lock_);
  uint64_t suspended_ GUARDED_BY(lock_) = 0;
  uint64_t suspend_noticed_at_ GUARDED_BY(lock_) = 0;
  bool real_time_asked_ GUARDED_BY(lock_) = false;
  Punctuality punctuality_ GUARDED_BY(lock_);

  // The thread's own cost.
  Governor governor_ GUARDED_BY(lock_);
  uint64_t wakeups_ GUARDED_BY(lock_) = 0;
  uint64_t cpu_ GUARDED_BY(lock_) = 0;
  uint64_t cpu_before_ GUARDED_BY(lock_) = 0;  // of threads that have ended

  Tickers tickers_{this};
  Recorders recorders_{this};
  Watchdog watchdog_{this};
  FlightLogs flight_logs_{this};
  Regions regions_{this};
  Failure unlocked_ GUARDED_BY(lock_);
  Monitor monitor_ GUARDED_BY(lock_){MakeProbeOf, &waiter_, &lock_, WakeFromHelper, this};
};

}  // namespace tripline
