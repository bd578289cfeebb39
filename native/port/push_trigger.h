// Kernel push: a hint, never a verdict. When a trigger fires, the next read of its metrics is pulled to now, and that
// read decides: kernels fire falsely after arming, and no work may end because of that.
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

  // Which of the kinds of readiness that the OS knows means that it fired (EPOLLPRI or EPOLLIN on Linux); OS folders
  // agree with their own Waiter on it.
  virtual uint32_t readiness() const = 0;

  // Takes it back, so that it can fire anew. False when the kernel has given up the watch: it is then destroyed.
  virtual bool Acknowledge() = 0;

  // What it fires for.
  Feed* feed = nullptr;
};

// The most triggers that one feed has.
constexpr uint32_t kMostPushTriggers = 2;

// Implemented by each OS folder: triggers that fire when `metric`, of the selector with this name, may have crossed
// `enter`. Writes kMostPushTriggers at most to `out` and returns how many; 0 with why the kernel has none or refuses.
// Polling goes on either way.
uint32_t MakePushTriggers(Metric metric, const char* name, double enter, bool above, PushTrigger** out, Failure* why);

}  // namespace tripline
