// Everything that is watched in this process: series, the guards and readers that use them, and when each is read next.
// It has no thread and no clock: the sampler (sampler.h) calls it at the times that it asks for.
#pragma once

#include <cstdint>
#include <memory>

#include "port/platform.h"
#include "sampler/environment.h"
#include "sampler/feed.h"
#include "sampler/guard.h"
#include "sampler/handles.h"
#include "sampler/push_triggers.h"
#include "sampler/requests.h"
#include "sampler/sources.h"
#include "sampler/standstill.h"
#include "sampler/verdicts.h"
#include "util/list.h"

namespace tripline {

// The subscription of a condition, which JavaScript checks.
constexpr uint32_t kCondition = UINT32_MAX;

// Parameters of AddGuard; `subscription` names the series. Conditions come after all other limits.
struct LimitRequest {
  uint32_t subscription;  // 0 in all limits of a simulated guard
  LimitSpec spec;
  OnMissing on_missing;
  bool stack = false;  // of eventLoop.delay only: its evidence has the stack of what blocks the loop
};

struct SubscriptionInfo {
  uint64_t period = kNever;  // to the next read
  uint64_t min_period = 0;   // what the source allows
  char origin[512] = {};
  Failure failure;
};

// The state of one limit in a guard's latest breach.
struct EvidenceCopy {
  uint32_t limit;
  bool breached;  // whether it still is
  Evidence evidence;
  uint64_t blocked = 0;              // for how long the loop has been or was blocked; 0 if that is not known
  std::unique_ptr<StackCopy> stack;  // nullptr if there is none
};

// Used under the sampler's lock.
class Monitor {
 public:
  // `make`, `lock`, `wake` and `argument` are handed on to every Source, `waiter` to PushTriggers.
  Monitor(ProbeMaker make, Waiter* waiter, Mutex* lock, void (*wake)(void*), void* argument)
      : sources_(make, lock, wake, argument), push_triggers_(waiter) {}

  // ---- the thread's part

  // Reads what is due, judges the guards and answers requests. True if anything was read. Adaptive periods are
  // multiplied by `stretch`.
  bool Pass(uint64_t now, double stretch);

  // When the next pass is due; kNever while nothing is watched. Always up to date.
  uint64_t next_due() const { return next_due_; }

  // The process stood still before `now`: nothing was observed in that time.
  void Discount(const Standstill& standstill, uint64_t now);
  // The machine was suspended: averages over that time would be meaningless.
  void ForgetBaselines();

  // Handles the triggers that fired while the thread waited.
  void Acknowledge(PushTrigger* const* rung, uint32_t count) { push_triggers_.Acknowledge(rung, count); }

  // Whether the thread runs and calls Pass().
  void set_running(bool running) { sources_.set_swept(running); }
  // Called when the thread ends.
  void Stop();

  // Whether there is nothing to sample.
  bool idle() const { return guards_.count() == 0 && requests_.empty() && next_due_ == kNever; }

  // ---- series and guards; ids are never 0

  // Subscribes to a series. A probe that cannot block is read once, so that a level is known when this returns. Returns
  // 0 with `why` if the metric is unavailable and `must_exist` is set.
  uint32_t Subscribe(Environment* environment, Metric metric, const Selector& selector, uint64_t window, uint32_t cell,
                     bool must_exist, uint64_t now, Failure* why);
  void Unsubscribe(uint32_t subscription, uint64_t now);
  void SetPeriod(uint32_t subscription, uint64_t period);
  // The heap of this environment has just reached its limit, which its figures say. True if that breaches any limit.
  bool JudgeFullHeap(Environment* environment, uint64_t now);
  // Everything that is watched of process `pid`, or of the tree below it, is read as soon as its sources allow.
  void Hurry(int64_t pid, uint64_t now);
  // The feed of a subscription, or nullptr.
  Feed* FeedOf(uint32_t subscription) const;
  // A guard that is not simulated, or nullptr.
  const Guard* GuardOf(uint32_t guard) const;
  SubscriptionInfo InfoOf(uint32_t subscription) const;

  // Values that the environment's sources were waiting for are there.
  void Refresh(const Environment* environment, uint64_t now);

  void Request(Environment* environment, uint32_t request, const uint32_t* subscriptions, uint32_t count, uint64_t now);

  // The guard's state is on the board when this returns, as far as it can be known without waiting.
  uint32_t AddGuard(Environment* environment, const GuardSpec& spec, const LimitRequest* limits, uint32_t count,
                    uint64_t now);
  void RemoveGuard(uint32_t guard);

  // Advances a simulated guard, which tests use. Its time and its values come only from these arguments, one value per
  // limit: NaN is a failed read, infinity means no value. Nothing was observed in the `gap` nanoseconds before `now`,
  // and `now` must not go backwards. Returns the time after `now` at which the guard would change by itself; kNever if
  // it would not.
  uint64_t PlayGuard(uint32_t guard, uint64_t now, uint64_t gap, const double* values, size_t count);

  // Advances a condition by the outcome of its check: 1 if it does not hold, 0 if it does, NaN if that is unknown.
  // `late` is the same as in Guard::StepCondition(). True if this outcome has just crossed the limit.
  bool StepCondition(uint32_t guard, uint32_t limit, double value, uint64_t late, uint64_t now);
  // The evidence of the guard's latest breach, with the stack if it is there. `origin` stays valid while the guard
  // does.
  List<EvidenceCopy> EvidenceOf(uint32_t guard, uint64_t now) const;

  // Closes everything that the environment still has open.
  void RemoveEnvironment(Environment* environment, uint64_t now);

  uint32_t guard_count() const { return guards_.count(); }
  uint32_t limit_count() const { return limit_count_; }
  uint32_t series_count() const { return static_cast<uint32_t>(sources_.feeds().size()); }
  uint64_t reads() const { return reads_; }
  uint64_t rings() const { return push_triggers_.rings(); }

 private:
  void ReadSource(Source* source, uint64_t now, MetricMask wanted);
  void Settle(Source* source, MetricMask answered, uint64_t now);
  void Plan();
  void DropFeedIfUnused(Feed* feed, uint64_t now);
  void DropSubscription(uint32_t id, uint64_t now);
  void DropGuard(uint32_t id);

  Sources sources_;
  PushTriggers push_triggers_;
  Handles<Subscription> subscriptions_;
  Handles<Guard> guards_;
  Requests requests_;
  Verdicts verdicts_;
  double stretch_ = 1;
  uint64_t next_due_ = kNever;
  uint64_t reads_ = 0;
  uint32_t limit_count_ = 0;
  Readings readings_;
};

}  // namespace tripline
