// A probe that may block, and its current read on a helper thread.
#pragma once

#include <cstdint>
#include <memory>

#include "port/platform.h"
#include "port/probe.h"

namespace tripline {

// Used under the sampler's lock. During a read, the helper thread owns the probe. Abandon() leaves the cleanup to the
// helper, which may return from a dead mount days later.
class SlowRead {
 public:
  // A helper thread takes `lock` and calls `wake` when it is done.
  SlowRead(std::unique_ptr<Probe> probe, Mutex* lock, void (*wake)(void*), void* argument)
      : probe_(std::move(probe)), lock_(lock), wake_(wake), argument_(argument) {}

  // Deletes this object, now or when the helper returns.
  void Abandon();

  bool running() const { return state_ == kRunning; }
  // Whether the read has finished and can be taken.
  bool done() const { return state_ == kDone; }
  bool idle() const { return state_ == kIdle; }

  // The probe; nullptr while the helper has it.
  Probe* probe() const { return running() ? nullptr : probe_.get(); }

  // Starts a read. False if no helper thread can be started. REQUIRES: idle().
  bool Start(uint64_t now, MetricMask wanted);
  uint64_t started() const { return started_; }
  MetricMask wanted() const { return wanted_; }

  // Returns the result; idle afterwards. REQUIRES: done().
  const Readings& Take();

  // Does not count time in which the process stood still as time spent waiting for the read.
  void DiscountGap(uint64_t gap, uint64_t now) { started_ = now - started_ > gap ? started_ + gap : now; }

 private:
  enum State : uint8_t { kIdle, kRunning, kDone };

  ~SlowRead() = default;
  static void Body(void* self);

  const std::unique_ptr<Probe> probe_;
  Mutex* const lock_;
  void (*const wake_)(void*);
  void* const argument_;
  State state_ = kIdle;
  bool abandoned_ = false;
  uint64_t started_ = 0;
  uint64_t begun_ = 0;  // the same, of which nothing is discounted, for the helper
  MetricMask wanted_ = 0;
  Readings readings_;
};

}  // namespace tripline
