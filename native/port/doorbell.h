// Kernel push: a doorbell, never a verdict. When it rings, the next read of its metrics is pulled to now, and that read
// decides; kernels ring falsely after arming, and nobody's work may end because of that.
#pragma once

#include <cstdint>

#include "port/metrics.h"
#include "port/probe.h"

namespace tripline {

class Channel;

class Doorbell {
 public:
  Doorbell() = default;
  virtual ~Doorbell() = default;
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // What the Waiter waits for: a descriptor on Linux and macOS, a HANDLE on Windows.
  virtual intptr_t handle() const = 0;

  // Which of the readiness that the OS knows is the ring (EPOLLPRI or EPOLLIN on Linux); OS folders agree with their
  // own Waiter on it.
  virtual uint32_t readiness() const = 0;

  // Takes the ring back, so that it can ring anew. False when the kernel has given up the watch: it is then destroyed.
  virtual bool Answer() = 0;

  // Whom it rings for.
  Channel* channel = nullptr;
};

// The most doorbells that one channel has.
constexpr uint32_t kMostDoorbells = 2;

// Implemented by each OS folder: doorbells that ring when `metric` may have crossed `enter`. Writes kMostDoorbells at
// most to `out` and returns how many; 0 with why the kernel has none or refuses. Polling goes on either way.
uint32_t MakeDoorbells(Metric metric, double enter, bool above, Doorbell** out, Failure* why);

}  // namespace tripline
