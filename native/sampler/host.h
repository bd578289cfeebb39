// What tickers, recorders, flight logs and the watchdog need from the sampling thread; the sampler implements it.
#pragma once

#include <cstdint>

#include "port/platform.h"
#include "port/probe.h"

namespace tripline {

class Feed;
class Guard;

class Host {
 public:
  // The one lock, which the thread holds during a pass.
  virtual Mutex* lock() = 0;

  // Starts the thread, or wakes the running one so that it plans again. False with `why` if it cannot be started.
  virtual bool EnsureThread(Failure* why) REQUIRES(lock()) = 0;

  // Wakes the thread if it would otherwise sleep beyond `due`.
  virtual void WakeBy(uint64_t due) REQUIRES(lock()) = 0;

  // The feed of a subscription, or nullptr.
  virtual Feed* FeedOf(uint32_t subscription) REQUIRES(lock()) = 0;

  // The guard with this number, unless it is a simulated one, or nullptr.
  virtual const Guard* GuardOf(uint32_t guard) = 0;

 protected:
  ~Host() = default;
};

}  // namespace tripline
