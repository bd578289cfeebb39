// Kernel push: a hint, never a verdict. When a trigger fires, its metrics are read at once, and that read decides:
// kernels fire falsely after arming, and that must not cancel anything.
#pragma once

#include <cstdint>

#include "port/metrics.h"
#include "port/probe.h"

namespace tripline {

class Feed;

class PushTrigger {
 public:
  PushTrigger() = default;
  virtual ~PushTrigger() = default;
  PushTrigger(const PushTrigger&) = delete;
  PushTrigger& operator=(const PushTrigger&) = delete;

  // What the Waiter waits for: a descriptor on Linux and macOS, a HANDLE on Windows.
  virtual intptr_t handle() const = 0;

  // Which kind of readiness of the handle means that the trigger fired (EPOLLPRI or EPOLLIN on Linux). The value is
  // private to an OS folder and its Waiter.
  virtual uint32_t readiness() const = 0;

  // Resets the trigger so that it can fire again. False when the kernel has dropped the watch: the caller then destroys
  // the trigger.
  virtual bool Acknowledge() = 0;

  // The feed that it fires for.
  Feed* feed = nullptr;
};

// The largest number of triggers of one feed.
constexpr uint32_t kMostPushTriggers = 2;

// Implemented by each OS folder: makes triggers that fire when `metric`, of the selector with this name, may have
// crossed `enter`. Writes at most kMostPushTriggers to `out` and returns how many; 0, with the reason, where the kernel
// has none or refuses. Polling goes on either way.
uint32_t MakePushTriggers(Metric metric, const char* name, double enter, bool above, PushTrigger** out, Failure* why);

}  // namespace tripline
