// A probe that may block, and the one read of it that is under way on a helper thread.
#pragma once

#include <cstdint>
#include <memory>

#include "port/platform.h"
#include "port/probe.h"

namespace tripline {

// Used under the sampler's lock. While a read is under way the helper thread owns the probe. Where the read is no
// longer wanted, Abandon() leaves the rest to the helper, which may come back from a dead mount after days.
class SlowRead {
 public:
  // A helper thread takes `lock` and calls `wake` when it is done.
  SlowRead(std::unique_ptr<Probe> probe, Mutex* lock, void (*wake)(void*), void* argument)
      : probe_(std::move(probe)), lock_(lock), wake_(wake), argument_(argument) {}

  // Ends this object, at once or when the helper comes back.
  void Abandon();

  bool running() const { return state_ == kRunning; }
  // Whether the read has come back and is to be taken.
  bool done() const { return state_ == kDone; }
  bool idle() const { return state_ == kIdle; }

  // The probe; nullptr while the helper has it.
  Probe* probe() const { return running() ? nullptr : probe_.get(); }

  // Begins a read. False where no helper thread can be started. REQUIRES: idle().
  bool Start(uint64_t now, MetricMask wanted);
  uint64_t started() const { return started_; }
  MetricMask wanted() const { return wanted_; }

  // What the read yielded; idle afterwards. REQUIRES: done().
  const Readings& Take();

  // Takes time in which the process stood still out of that for which the read has been waited for.
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
  MetricMask wanted_ = 0;
  Readings readings_;
};

}  // namespace tripline
