// The push_triggers that hang at feeds: where they are wanted, and what a ring does.
#pragma once

#include <cstdint>
#include <memory>

#include "port/platform.h"
#include "port/push_trigger.h"
#include "sampler/feed.h"
#include "sampler/guard.h"
#include "util/list.h"

namespace tripline {

// Guarded by the sampler's lock, as a member of it.
class PushTriggers {
 public:
  // `waiter` is the sampling thread's.
  explicit PushTriggers(Waiter* waiter) : waiter_(waiter) {}

  // Asks the kernel to ring when a new limit may have been crossed, where that can pull the next read closer. Only
  // while the thread runs.
  void Arm(const GuardLimit& limit);

  // The feed needs them no more. They are destroyed when the thread has come round.
  void Disarm(Feed* feed);

  // Called by the thread when it comes back from its wait, with what rang.
  void Acknowledge(PushTrigger* const* rung, uint32_t count);

  // Called by the thread at its end.
  void Clear() { taken_.clear(); }

  uint64_t rings() const { return rings_; }

 private:
  Waiter* const waiter_;
  List<std::unique_ptr<PushTrigger>> taken_;  // down already, and alive until the thread has come round
  uint64_t rings_ = 0;
};

// Whether the kernel would ring for `metric` here; tries it. False with why not.
bool CanRing(Metric metric, Failure* why);

}  // namespace tripline
