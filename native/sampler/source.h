// A probe in use, shared by every feed that reads it. Where the probe may block, it is read by a helper thread of
// its own, and a read that does not come back costs the sampler nothing.
#pragma once

#include <cstdint>
#include <memory>

#include "port/platform.h"
#include "port/probe.h"
#include "sampler/standstill.h"
#include "util/list.h"
#include "util/text.h"

namespace tripline {

class Feed;
class SlowRead;

// Makes the probe for a metric; nullptr with why there is none. Owned by the caller.
using ProbeMaker = Probe* (*)(Metric metric, const Selector& selector, Failure* why);

// The one of this system, the event loop's probes included.
Probe* MakeProbeOf(Metric metric, const Selector& selector, Failure* why);

// Used under the sampler's lock.
class Source {
 public:
  // It serves the family of `metric`; alone that metric where this system never has it. A helper thread takes `lock`
  // and calls `wake` when it is done.
  Source(Metric metric, const Selector& selector, ProbeMaker make, Mutex* lock, void (*wake)(void*), void* argument);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  bool Matches(Metric metric, const Selector& selector) const;
  // Of the selector.
  const char* name() const { return name_.get(); }

  // Makes the probe. False with why there is none; each Read() may try again then.
  bool Make(uint64_t now, Failure* why);

  // Whether Read() leaves its work to a helper thread.
  bool blocking() const { return slow_ != nullptr; }
  // Whether the helper thread has not come back in time: until it does, every metric is unavailable.
  bool overdue() const { return overdue_; }

  // Reads what is wanted, and what was asked for while the helper thread was busy. Returns the metrics that `out`
  // answers now; the others come by Take().
  MetricMask Read(uint64_t now, MetricMask wanted, Readings* out);

  // The metrics that `out` answers because the helper thread has come back, or is overdue. REQUIRES: blocking().
  MetricMask Take(uint64_t now, Readings* out);

  // What was asked for while the helper thread was busy with something else.
  MetricMask queued() const { return queued_; }

  // When the read under way will be overdue; kNever where there is none. REQUIRES: blocking().
  uint64_t OverdueAt() const;

  // Time in which the process stood still counts neither as a read's nor as an event loop's delay.
  void Discount(const Standstill& standstill, uint64_t now);

  // What the probe says of itself; where a helper thread has it or there is none, what can be said without.
  // `part`: of a ratio, which part the value is of.
  const char* Origin(Metric metric, uint32_t part = 0) const;
  double MaxSlope(Metric metric) const;
  uint64_t MinPeriod(Metric metric) const;

  // Whether it may be kept for the next user: not where a helper thread or one environment is involved, nor once
  // something was unavailable, which making it anew might mend.
  bool keepable() const { return probe_ != nullptr && environment_ == nullptr && healthy_; }

  List<Feed*> feeds;
  uint64_t unused_since = 0;  // while `feeds` is empty
  MetricMask silent = 0;      // those for which the kernel has refused to push

 private:
  Probe* probe() const;
  void Install(std::unique_ptr<Probe> probe);
  void TryAgain(uint64_t now);
  bool MayMakeAnew() const;
  MetricMask Watched() const;
  MetricMask Note(MetricMask answered, const Readings& readings);
  MetricMask Refuse(MetricMask metrics, const char* why, Readings* out);

  const Metric metric_;
  const int64_t pid_;
  const bool tree_;
  Environment* const environment_;
  Text name_;
  const ProbeMaker make_;
  Mutex* const lock_;
  void (*const wake_)(void*);
  void* const argument_;

  std::unique_ptr<Probe> probe_;  // unless `slow_` has it, or there is none
  SlowRead* slow_ = nullptr;
  Failure why_;  // there is no probe, or no newer one
  MetricMask queued_ = 0;
  MetricMask lost_ = 0;  // unavailable at their last reading
  bool overdue_ = false;
  bool healthy_ = true;    // nothing was ever unavailable
  uint64_t retry_at_ = 0;  // not to be made again before
  uint64_t retry_after_;
};

}  // namespace tripline
