// Push triggers of feeds: where they are armed, and what happens when the kernel fires one.
#pragma once

#include <cstdint>
#include <memory>

#include "port/platform.h"
#include "port/push_trigger.h"
#include "sampler/feed.h"
#include "sampler/guard.h"
#include "util/list.h"

namespace tripline {

// Guarded by the sampler's lock.
class PushTriggers {
 public:
  // `waiter` is the sampling thread's.
  explicit PushTriggers(Waiter* waiter) : waiter_(waiter) {}

  // Asks the kernel for a notification when a new limit may have been crossed, if that would make the next read
  // earlier. Only called while the thread runs.
  void Arm(const GuardLimit& limit);

  // Disarms a feed's triggers. They are destroyed after the thread's current wait.
  void Disarm(Feed* feed);

  // Called by the thread after its wait, with the triggers that fired.
  void Acknowledge(PushTrigger* const* rung, uint32_t count);

  // Called by the thread before it ends.
  void Clear() { taken_.clear(); }

  uint64_t rings() const { return rings_; }

 private:
  Waiter* const waiter_;
  List<std::unique_ptr<PushTrigger>> taken_;  // disarmed; kept until the thread's wait is over
  uint64_t rings_ = 0;
};

// Tries whether the kernel supports a push trigger for `metric` here. False with the reason if not.
bool CanRing(Metric metric, Failure* why);

}  // namespace tripline
